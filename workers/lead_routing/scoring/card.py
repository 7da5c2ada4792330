"""The model card: what a model was made of and how far it can be trusted (after Mitchell et al. 2019)."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from workers.lead_routing.scoring.drift import LIMITS, Limits
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.table import Source, Table
from workers.lead_routing.scoring.training import DEFAULT, Recipe, Trained

Card = dict[str, object]
"""Plain JSON values."""

_KNOWN_LIMITS = (
    (
        "It was proven on the newest held-out rows named here; when the market or the mix of leads jumps, it is wrong "
        "until it is retrained on outcomes from after the jump. Watch drift."
    ),
    "Reasons say what moved this model's score against the average training lead. They are not causes.",
    "It knows only leads whose outcome was recorded; leads nobody worked on are not among them.",
    (
        "Outcomes were taken as known at once. If yours come weeks later, the newest leads are missing from each "
        "retraining and real figures are lower."
    ),
    (
        "It is meant to order and route leads, with a person able to overrule it. It must not decide about credit, "
        "employment or anything else about a person."
    ),
)


def make_card(
    trained: Trained,
    table: Table,
    source: Source,
    *,
    seed: int,
    window: int | None,
    recipe: Recipe = DEFAULT,
    limits: Limits = LIMITS,
    now: datetime | None = None,
) -> Card:
    """The card of a model just trained on `table`; `now` (default: the present, UTC) is its date."""
    payload = trained.payload
    used = table if window is None else table.last(window)
    return {
        "version": trained.version,
        "schema": table.schema.name,
        "description": table.schema.description,
        "created_at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "data": {
            **asdict(source),
            "rows": len(used),
            "from": used.period[0],
            "until": used.period[1],
            "base_rate": float(used.labels.mean()),
            "undecided_left_out": table.undecided,
            "bad_left_out": len(table.refused),
        },
        "training": {
            "algorithm": "LightGBM, mean log-odds of boosters that differ by seed",
            "seed": seed,
            "window_rows": window,
            **asdict(recipe),
            "calibration": payload.calibration.model_dump() if trained.calibrated else None,
        },
        "libraries": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("fairlead", "lightgbm", "numpy", "scikit-learn")},
        },
        "held_out": asdict(trained.held_out),
        "reliability": [asdict(part) for part in trained.reliability],
        "bands": {"hot_from": payload.hot_from, "warm_from": payload.warm_from},
        "drift": {
            "reference_rows": payload.reference.rows,
            "reference_label_rate": payload.reference.label_rate,
            "reference_ece": payload.reference.ece,
            "limits": asdict(limits),
        },
        "features": [
            {
                "name": f.name,
                "label": f.title,
                "kind": f.kind,
                "places": list(f.places),
                "typical": payload.typical[f.name],
            }
            for f in table.schema.features
        ],
        "excluded": _excluded(table.schema),
        "known_limits": list(_KNOWN_LIMITS),
    }


def _excluded(schema: Schema) -> list[dict[str, str]]:
    unused = [{"column": item.column, "why": item.why} for item in schema.excluded]
    unused += [{"column": name, "why": "identifies a lead"} for name in schema.ids]
    return unused


def render_markdown(card: Mapping[str, object]) -> str:
    """The card for people.

    Raises:
        KeyError: if `card` was not made by `make_card`.
    """
    data, training, held, drift = (_part(card, key) for key in ("data", "training", "held_out", "drift"))
    bands, limits = _part(card, "bands"), _part(drift, "limits")
    calibration = training["calibration"]
    libraries = ", ".join(f"{name} {number}" for name, number in _part(card, "libraries").items())
    lines = [
        f"# Model card: {card['version']}",
        "",
        f"{card['description']}",
        "",
        *_rows(
            ("", ""),
            [
                ("made", f"{card['created_at']}, seed {training['seed']}"),
                ("with", libraries),
                ("data", f"{data['name']}, {data['rows']:,} rows, {data['from']} to {data['until']}"),
                ("sha256 of the data", data["sha256"] or "rows were read from the database"),
                ("left out", f"{data['undecided_left_out']} undecided, {data['bad_left_out']} bad rows"),
                ("converted in the data", f"{data['base_rate']:.1%}"),
                ("algorithm", f"{training['algorithm']} ({training['members']} x {training['rounds']} trees)"),
                ("calibration", f"Platt scaling {calibration}" if calibration else "none: it did not help"),
                ("bands", f"hot from {bands['hot_from']:.3f}, warm from {bands['warm_from']:.3f}"),
            ],
        ),
        "",
        f"## How good it is: the newest {held['rows']:,} rows, each predicted from earlier rows only",
        "",
        *_rows(
            ("measure", "value"),
            [
                ("AUC", f"{held['auc']:.3f}"),
                ("expected calibration error (10 equal bins)", f"{held['ece']:.3f}"),
                ("Brier score", f"{held['brier']:.3f}"),
                ("converted among them", f"{held['base_rate']:.1%}"),
                ("conversions in the upper half by score", f"{held['top_half_capture']:.1%}"),
            ],
        ),
        "",
        *_rows(
            ("rows", "predicted", "observed"),
            [(b["rows"], f"{b['predicted']:.3f}", f"{b['observed']:.3f}") for b in _parts(card, "reliability")],
        ),
        "",
        "## Drift limits",
        "",
        (
            f"Reference: those {drift['reference_rows']:,} rows ({drift['reference_label_rate']:.1%} converted, "
            f"ECE {drift['reference_ece']:.3f}). Passed when the PSI of a feature or of the score exceeds {limits['psi']}, "
            f"the share that converts changes by more than {limits['label_rate']:.0%} of itself and by more than "
            f"{limits['z']} standard errors, or the ECE exceeds {limits['ece']} plus what chance gives on so few rows."
        ),
        "",
        "## Features",
        "",
        *_rows(
            ("feature", "kind", "read from", "typical"),
            [
                (
                    f["label"],
                    f["kind"],
                    ", ".join(_texts(f["places"])),
                    "none" if f["typical"] is None else f["typical"],
                )
                for f in _parts(card, "features")
            ],
        ),
        "",
        *[f"- Not used: `{item['column']}` ({item['why']})" for item in _parts(card, "excluded")],
        "",
        "## Known limits",
        "",
        *[f"- {text}" for text in _texts(card["known_limits"])],
        "",
    ]
    return "\n".join(lines)


def _part(card: Mapping[str, object], key: str) -> dict[str, object]:
    part = card[key]
    if not isinstance(part, dict):
        raise KeyError(f"{key} of the card is no mapping")
    return part


def _parts(card: Mapping[str, object], key: str) -> list[dict[str, object]]:
    parts = card[key]
    if not isinstance(parts, list):
        raise KeyError(f"{key} of the card is no list")
    return parts


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _rows(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells]
