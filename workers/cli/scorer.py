"""`fairlead scorer …`: train, compare, watch and choose the models that score leads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli._scorer_support import (
    artifact_of,
    ask_for_check,
    file_rows,
    keep,
    last_checks,
    lead_reader,
    newest_outcomes,
    plain_errors,
    write,
)
from workers.cli._support import database, print_table, progress

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

app = typer.Typer(no_args_is_help=True, help="Train, compare, watch and choose the models that score leads.")

Data = Annotated[Path, typer.Option("--data", help="CSV or JSON Lines with outcomes, oldest first; .gz is fine.")]
SchemaName = Annotated[str, typer.Option("--schema", help="Schema file, or the name of one that is shipped.")]
Seed = Annotated[int, typer.Option(help="The same data, schema and seed give the same bytes.")]
Window = Annotated[int | None, typer.Option(min=200, help="Learn from the newest ROWS only.")]
DRIFTED = 3
"""Exit code of `drift` when a limit is passed."""


@app.command()
def train(
    data: Data,
    schema: SchemaName,
    out: Annotated[Path | None, typer.Option(help="Write the model and its card to this folder instead.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep it in the database too, when --out is given.")] = False,
    window: Window = None,
    seed: Seed = 1,
    skip_bad: Annotated[bool, typer.Option(help="Leave out bad rows, if they are at most one in a hundred.")] = False,
) -> None:
    """Train a model; by default it goes into the database and becomes the active one of its schema."""
    with plain_errors(), progress("training") as tell:
        from workers.lead_routing.scoring.card import make_card
        from workers.lead_routing.scoring.schema import load_schema
        from workers.lead_routing.scoring.table import read_table
        from workers.lead_routing.scoring.training import train as train_model

        table, source = read_table(data, load_schema(schema), skip_bad=skip_bad)
        trained = train_model(table, seed=seed, window=window, progress=tell)
        card = make_card(trained, table, source, seed=seed, window=window)
    held = trained.held_out
    typer.echo(
        f"{trained.version}: on the newest {held.rows:,} rows AUC {held.auc:.3f}, calibration error {held.ece:.3f}, "
        f"{held.top_half_capture:.0%} of conversions in the upper half."
    )
    if out is not None:
        write(out, trained, card)
    if out is None or store:
        keep(trained, card)


@app.command()
def retrain(
    schema: SchemaName = "sales_leads",
    data: Annotated[Path | None, typer.Option(help="Outcomes from a file instead of the database.")] = None,
    window: Window = None,
    seed: Seed = 1,
) -> None:
    """Train on the newest recorded outcomes; the active model is replaced only if the new one is not worse."""
    with plain_errors():
        from workers.lead_routing.scoring import store
        from workers.lead_routing.scoring.card import make_card
        from workers.lead_routing.scoring.retraining import retrain as retrain_model
        from workers.lead_routing.scoring.schema import load_schema
        from workers.lead_routing.scoring.table import Source, read_rows

        declared = load_schema(schema)

        async def load(conn: AsyncConnection[DictRow]) -> tuple[store.StoredModel | None, list[dict[str, object]]]:
            rows = (
                []
                if data is not None
                else [row async for row in store.outcomes(conn, declared, lead_reader(declared.name))]
            )
            return await store.load_active(conn, declared.name), rows

        champion, recorded = database(load)
        source = Source("recorded outcomes in routing.leads")
        rows: Iterable[Mapping[str, object]] = recorded
        if data is not None:
            rows, source = read_rows(data, declared)
        with progress("retraining") as tell:
            result = retrain_model(
                rows,
                declared,
                champion=champion.artifact if champion else None,
                seed=seed,
                window=window,
                progress=tell,
            )
        card = make_card(result.trained, result.table, source, seed=seed, window=window)
    typer.echo(result.why)
    keep(result.trained, card, active=result.replace)


@app.command()
def evaluate(
    data: Data,
    schema: SchemaName,
    every: Annotated[int, typer.Option(min=50, help="Rows between two retrainings in date order.")] = 250,
    window: Window = None,
    seed: Seed = 1,
) -> None:
    """Compare algorithms: five folds, and rolling retraining in date order over the newest 40 % of the rows."""
    with plain_errors(), progress("evaluating") as tell:
        from workers.lead_routing.scoring.evaluation import candidates, compare
        from workers.lead_routing.scoring.schema import load_schema
        from workers.lead_routing.scoring.table import read_table

        table, _ = read_table(data, load_schema(schema))

        def named(name: str, done: int, total: int) -> None:
            tell(done, total, name)

        found = compare(table, candidates(seed), seed=seed, every=every, window=window, progress=named)
    for title, parts in (
        ("Five folds, shuffled", [(item.name, item.folds) for item in found]),
        (f"Newest 40 % in date order, retrained every {every} rows", [(item.name, item.rolling) for item in found]),
    ):
        rows = [
            [name, f"{m.rows:,}", f"{m.auc:.4f}", f"{m.ece:.3f}", f"{m.brier:.4f}", f"{m.top_half_capture:.1%}"]
            for name, m in parts
        ]
        print_table(title, ["way", "rows", "AUC", "ECE", "Brier", "top half"], rows)
    typer.echo("No row is predicted from itself; in date order, none from a later one.")


@app.command()
def drift(
    data: Annotated[Path | None, typer.Option(help="Outcomes from a file instead of the database.")] = None,
    schema: SchemaName = "sales_leads",
    model: Annotated[str | None, typer.Option(help="A .scorer file; default: the schema's active model.")] = None,
    last: Annotated[
        int | None, typer.Option(min=100, help="Look at the newest ROWS only; default: 1000, of a file all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether recent leads drifted away from the model; exit code 3 if a limit is passed. Changes nothing."""
    with plain_errors():
        from workers.lead_routing.scoring.schema import load_schema
        from workers.lead_routing.scoring.upkeep import report_drift

        name = load_schema(schema).name if Path(schema).is_file() else schema
        artifact = artifact_of(model, name)
        rows = newest_outcomes(artifact, name, last or 1000) if data is None else file_rows(artifact, data, last)
        report, version = report_drift(artifact, rows)
    if as_json:
        typer.echo(json.dumps({"model_version": version, **report.to_json()}))
    else:
        found = [["DRIFT" if f.drifted else "ok", f.text] for f in report.findings]
        print_table(f"{report.rows:,} recent rows against {version}", ["", "what"], found)
        typer.echo(report.advice)
    if report.drifted:
        raise typer.Exit(DRIFTED)


@app.command()
def check(schema: SchemaName = "sales_leads") -> None:
    """Let the process scorer_upkeep check a model now, as it does each night: retrain it, ask a person, or nothing."""
    with plain_errors():
        waiting = database(lambda conn: ask_for_check(conn, schema))
    typer.echo(f"A check of {schema} is asked for; `fairlead scorer list` shows what it found.")
    if waiting:
        typer.echo("A review of this scorer is open in Tasklist: the check starts when it is done within the hour.")


@app.command()
def bench(
    data: Data,
    schema: SchemaName,
    calls: Annotated[int, typer.Option(min=100, help="Leads to score.")] = 2000,
    seed: Seed = 1,
) -> None:
    """Measure scoring one lead on this machine, beside scikit-learn's HistGradientBoosting."""
    with plain_errors(), progress("training") as tell:
        from workers.lead_routing.scoring.bench import compare_latency
        from workers.lead_routing.scoring.model import Scorer
        from workers.lead_routing.scoring.schema import load_schema
        from workers.lead_routing.scoring.table import build_table, read_rows
        from workers.lead_routing.scoring.training import train as train_model

        declared = load_schema(schema)
        leads = list(read_rows(data, declared)[0])
        table = build_table(leads, declared)
        scorer = Scorer.from_bytes(train_model(table, seed=seed, progress=tell).artifact)
        found = compare_latency(scorer, table, leads[-calls:], seed=seed)
    rows = [[f.name, f"{f.calls:,}", f"{f.p50:.3f}", f"{f.p99:.3f}", f"{f.worst:.3f}"] for f in found]
    print_table("One lead, one thread, milliseconds", ["way", "calls", "p50", "p99", "worst"], rows)


@app.command("list")
def list_() -> None:
    """List the stored models."""
    from workers.lead_routing.scoring import store

    with plain_errors():
        models = database(store.list_models)
        checks = database(last_checks)
    rows = []
    for info in models:
        held = info.card.get("held_out")
        auc = f"{held['auc']:.3f}" if isinstance(held, dict) else "?"
        checked = checks.get(info.version, "") if info.active else ""
        rows.append(["active" if info.active else "", info.version, f"{info.created_at:%Y-%m-%d %H:%M}", auc, checked])
    if rows:
        print_table("Models", ["", "version", "made", "AUC", "last check"], rows)
    else:
        typer.echo("There is no model yet; train one with `fairlead scorer train`.")


@app.command()
def card(version: str, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the card of a stored model."""
    from workers.lead_routing.scoring import store

    with plain_errors():
        found = database(lambda conn: store.load_card(conn, version))
    if as_json:
        typer.echo(json.dumps(found))
        return
    from workers.lead_routing.scoring.card import render_markdown

    typer.echo(render_markdown(found))


@app.command()
def activate(version: str) -> None:
    """Make a stored model the active one of its schema."""
    from workers.lead_routing.scoring import store

    with plain_errors():
        database(lambda conn: store.activate(conn, version))
    typer.echo(f"{version} is active.")
