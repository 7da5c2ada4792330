"""`fairlead contracts …`: what tasks promise to diagrams, and whether they keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What tasks promise to diagrams, and whether they keep it.")

Project = Annotated[Path, typer.Option(help="The project's folder, which has docs/ and bpmn/.")]


@app.command()
def generate(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if something would change.")] = False,
    project: Project = Path(),
) -> None:
    """Write docs/contracts, docs/tasks.md and the element templates of Camunda Modeler from the code."""
    from workers.runtime import contracts_files as files

    try:
        changed = files.stale(project) if check else files.write(project)
    except files.ContractsRefused as error:
        raise _refused(str(error)) from None
    for path in changed:
        typer.echo(path.as_posix())
    if check and changed:
        raise _refused("These files are not what the code says. Run `fairlead contracts generate` and commit them.")
    typer.echo("Written." if changed else "The committed contracts are what the code says.")


@app.command()
def compare(project: Project = Path()) -> None:
    """Fail if instances that were started under the last release would not survive today's workers."""
    from workers.runtime import contracts_files as files

    try:
        version, broken = files.breaks_since_release(project)
    except files.ContractsRefused as error:
        raise _refused(str(error)) from None
    if version is None:
        typer.echo("Nothing was released yet, so there is nothing to compare with.")
        return
    for each in broken:
        typer.echo(f"- {each}")
    if broken:
        raise _refused(f"Instances started under {version} would not survive; contracts grow by addition only.")
    typer.echo(f"Instances started under {version} go on under today's workers.")


@app.command()
def release(
    breaking: Annotated[
        str | None, typer.Option(metavar="WHY", help="Accept incompatible changes; says why, which is kept.")
    ] = None,
    project: Project = Path(),
) -> None:
    """Keep today's contracts as those of this version; run it when a release is made, and commit them with it."""
    from workers import __version__
    from workers.runtime import contracts_files as files

    try:
        folder = files.release(project, __version__, accepted_why=breaking)
    except files.ContractsRefused as error:
        raise _refused(str(error)) from None
    typer.echo(f"The contracts of {__version__} are kept in {folder.as_posix()}.")


def _refused(why: str) -> typer.Exit:
    typer.echo(why, err=True)
    return typer.Exit(1)
