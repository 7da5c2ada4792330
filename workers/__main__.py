"""The command `fairlead`, the same as `python -m workers`. Each command group is a module of `workers.cli`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Annotated, cast

import typer

from workers import __version__, cli


def build(arguments: list[str]) -> typer.Typer:
    """The command line. Modules of `workers.cli` are mounted under their names; one that offers a plain function of
    its own name gives a command, one with an `app` a group, one with `commands` a list of top-level commands.

    Only the module that the first argument names is imported, if there is one, so that a worker starts light.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # they may be secrets
        help="Fairlead: sales planning on Camunda 8.",
    )
    app.callback()(_group)
    names = sorted(module.name for module in pkgutil.iter_modules(cli.__path__) if not module.name.startswith("_"))
    wanted = [name for name in names if arguments and name == arguments[0].replace("-", "_")] or names
    for name in wanted:
        module = importlib.import_module(f"{cli.__name__}.{name}")
        shown = name.replace("_", "-")
        if hasattr(module, "commands"):
            for command in module.commands:
                app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
        elif hasattr(module, "app"):
            app.add_typer(cast("typer.Typer", module.app), name=shown)
        elif hasattr(module, name):
            app.command(shown)(getattr(module, name))
    return app


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fairlead {__version__}")
        raise typer.Exit


def _group(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    """A typer app with a callback stays a group, even with a single command."""


def main() -> None:
    """Entry point of the console script."""
    from workers.settings import WrongSettings  # noqa: PLC0415 - `--version` and `--help` need no settings

    try:
        build(sys.argv[1:])()
    except WrongSettings as error:
        typer.echo(str(error), err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
