"""`fairlead config …`: which settings hold, and where each came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from workers.runtime.masking import Mask
    from workers.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Which settings hold, and where each came from.")

WIDTH = 200
"""Of the table in a file or a pipe, which has no width to fit into."""

Given = Mapping[str, Any]  # Any: nested mappings of what a source gave


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it holds."""

    name: str
    value: Any  # Any: JSON, with secrets masked
    source: str
    """``default``, ``environment`` or ``file``."""
    variable: str
    """The environment variable (or file) by which it is set."""


@app.callback()
def _group() -> None:
    """Which settings hold, and where each came from."""


@app.command()
def show(
    changed: Annotated[bool, typer.Option("--changed", help="Only those that are not defaults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False,
) -> None:
    """Show all settings with their sources; secrets are masked, also passwords inside of addresses."""
    import json

    from rich.console import Console
    from rich.table import Table

    from workers.runtime.masking import Mask
    from workers.settings import get_settings

    settings = get_settings()
    found = [one for one in _settings(settings, Mask(settings)) if not changed or one.source != "default"]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("setting", "value", "source"):
        table.add_column(name, overflow="fold")
    for one in found:
        value = one.value if isinstance(one.value, str) else json.dumps(one.value)
        table.add_row(one.name, value, one.source if one.source == "default" else f"{one.source} {one.variable}")
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)


def _settings(settings: Settings, mask: Mask) -> Iterator[Setting]:
    from pydantic_settings import EnvSettingsSource, NestedSecretsSettingsSource, SecretsSettingsSource

    kind = type(settings)
    sources: list[tuple[str, Given]] = [
        ("environment", EnvSettingsSource(kind)()),
        ("file", NestedSecretsSettingsSource(SecretsSettingsSource(kind))()),
    ]
    return _walk(settings, mask, sources, ())


def _walk(model: BaseModel, mask: Mask, sources: list[tuple[str, Given]], path: tuple[str, ...]) -> Iterator[Setting]:
    from pydantic import BaseModel

    from workers.runtime.masking import masked_dsn
    from workers.settings import variable

    for name in type(model).model_fields:
        value = getattr(model, name)
        place = (*path, name)
        if isinstance(value, BaseModel):
            inner = [(source, given.get(name) or {}) for source, given in sources]
            yield from _walk(value, mask, inner, place)
            continue
        source = next((source for source, given in sources if name in given), "default")
        shown = masked_dsn(value.get_secret_value()) if value and name == "database_url" else _shown(value, mask)
        yield Setting(".".join(place), shown, source, variable(place))


def _shown(value: object, mask: Mask) -> Any:  # noqa: ANN401 - JSON
    from pathlib import Path

    from pydantic import BaseModel, SecretStr

    from workers.runtime.masking import MASK

    match value:
        case SecretStr():
            return MASK
        case str() | Path():
            return mask(str(value))
        case list() | tuple() | frozenset():
            found = [_shown(one, mask) for one in value]
            return sorted(found) if isinstance(value, frozenset) else found
        case dict() | BaseModel():
            return {key: _shown(one, mask) for key, one in dict(value).items()}
    return value
