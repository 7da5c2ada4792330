"""What the commands of `fairlead quota` share: keeping and finding versions, tables and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workers.cli._support import plainly, print_table
from workers.cli._versions import Shelf
from workers.spreadsheets import write_frame

if TYPE_CHECKING:
    import pandas as pd

    from workers.quota_approval.planning.explaining import Explanation
    from workers.quota_approval.planning.plan import QuotaPlan

SHELF = Shelf("quotas", ".quotas")


@contextmanager
def plain_errors() -> Iterator[None]:
    """See `_support.plainly`."""
    from workers.quota_approval.planning.errors import QuotaError

    with plainly(QuotaError, extra="planning", offline=f"name a {SHELF.ending} file"):
        yield


def find(version: str) -> QuotaPlan:
    """A version by file or from the folder. Raises NoPlanError."""
    from workers.quota_approval.planning.errors import NoPlanError
    from workers.quota_approval.planning.plan import QuotaPlan

    content = SHELF.find(version)
    if content is None:
        known = ", ".join(file.stem for file in SHELF.files()[-5:]) or "none; make one with `fairlead quota plan`"
        raise NoPlanError(f"there is no plan {version!r} here; there is {known}")
    return QuotaPlan.from_bytes(content)


def money(cents: float | None) -> str:
    """Cents as whole money for a table, or nothing."""
    import pandas as pd

    return "" if cents is None or pd.isna(cents) else f"{cents / 100:,.2f}"


def share(value: float | None) -> str:
    """``42 %``, or nothing."""
    import pandas as pd

    return "" if value is None or pd.isna(value) else f"{value:.0%}"


def show(plan: QuotaPlan, *, level: str | None, rows: int) -> None:
    """Key figures, and the quotas of a level (or of all units)."""
    from workers.quota_approval.planning.errors import InputError
    from workers.quota_approval.planning.rules import REP

    figures, currency = plan.card["figures"], plan.rules.currency
    nodes = plan.nodes[plan.nodes["level"] == level] if level else plan.nodes[plan.nodes["level"] != REP]
    if nodes.empty:
        raise InputError(
            f"{plan.version} has no level {level!r}; it has {', '.join(plan.organisation.order_of_levels())}"
        )
    body = [
        [str(row["node"]), str(row["level"]), money(row["quota"]), money(row["last_quota"]), money(row["expected"] * 100),
         share(row["odds"]), f"{share(row['attainment_p10'])} to {share(row['attainment_p90'])}", money(row["buffer"]) if row["buffer"] else ""]
        for row in nodes.head(rows).to_dict("records")
    ]  # fmt: skip
    more = f"; {len(nodes) - rows} more with --rows or --csv" if len(nodes) > rows else ""
    head = ["node", "level", "quota", "last", "expected", "odds", "attainment, 80 %", "buffer below"]
    print_table(f"{plan.version}, {currency}{more}", head, body)
    low, _, high = figures["attaining"]
    typer.echo(
        f"Target {money(figures['target'])} {currency}, odds {share(figures['odds_target'])}; expected from below are "
        f"{figures['expected']:,.2f}. Reps attain with odds of {share(figures['odds_level'])} where no rule presses; "
        f"{low:.0f} to {high:.0f} of {figures['reps']} will (80 %). One more {currency} of target adds {figures['next_unit']:.2f} "
        "of expected shortfall."
    )


def show_node(plan: QuotaPlan, explanation: Explanation) -> None:
    """Why a quota is what it is."""
    for text in explanation.texts:
        typer.echo(f"{explanation.node}: {text}")
    if explanation.drivers:
        body = [[one.name, money(one.amount), one.text] for one in explanation.drivers]
        print_table("What it adds up from", ["driver", plan.rules.currency, "why"], body)
    if explanation.rules:
        body = [[one.text, f"{one.price:.3f}", money(one.without), money(one.saved)] for one in explanation.rules]
        head = ["rule", "price", "quota without it", "shortfall saved"]
        print_table("Rules that press; the price is expected shortfall saved by one more unit of money", head, body)


def show_calibration(plan: QuotaPlan) -> None:
    """Whether the odds held in earlier periods."""
    table = plan.calibration
    if table.empty:
        typer.echo("Fewer than two earlier periods have results: the odds cannot be held against history.")
        return
    body = [
        [str(row["kind"]), str(row["group"]), _number(row["predicted"]), _number(row["observed"]),
         "" if row["low"] != row["low"] else f"{_number(row['low'])} to {_number(row['high'])}", str(row["cases"])]
        for row in table.to_dict("records")
        if row["group"] == "all" or row["kind"] in {"attaining", "total", "brier"}
    ]  # fmt: skip
    head = ["kind", "group", "predicted", "observed", "80 %", "cases"]
    print_table("Each earlier period judged by what was known before it", head, body)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def show_comparison(older: QuotaPlan, newer: QuotaPlan, rows: int) -> pd.DataFrame:
    """Key figures side by side and what moves for whom; the whole table comes back."""
    from workers.quota_approval.planning.comparing import MONEY, compare, figures

    body = [
        [
            str(row["text"]),
            *(money(row[side]) if row["figure"] in MONEY else _figure(row[side]) for side in ("old", "new")),
        ]
        for row in figures(older, newer).to_dict("records")
    ]
    print_table(f"{older.version} → {newer.version}", ["", "older", "newer"], body)
    found = compare(older, newer)
    moved = found[found["change"] != 0]
    body = [
        [str(row["node"]), str(row["level"]), money(row["quota_old"]), money(row["quota_new"]), money(row["change"]),
         f"{share(row['odds_old'])} → {share(row['odds_new'])}", str(row["why"])]
        for row in moved.head(rows).to_dict("records")
    ]  # fmt: skip
    title = f"{len(moved)} of {len(found)} quotas move, the largest changes first"
    print_table(title, ["node", "level", "older", "newer", "change", "odds", "why"], body)
    return found


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.2f}"


def export(plan: QuotaPlan, csv: Path | None) -> None:
    """Write all quotas as CSV, amounts in money to the cent."""
    from workers.quota_approval.planning.money import show as text

    if csv is None:
        return
    frame = plan.nodes.drop(columns=["level_z"])
    for column in ("quota", "last_quota", "members", "buffer", "low", "high"):
        known = frame[column].notna()
        frame[column] = [
            text(int(cents)).replace(",", "") if there else ""
            for cents, there in zip(frame[column], known, strict=True)
        ]
    write_frame(csv, frame)
    typer.echo(f"Written to {csv}.", err=True)
