"""YAML files that come with the package, or a user's own in their place."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

ENDING = ".yaml"


def read(source: Path | str, package: str, folder: str) -> str | None:
    """Text of a file, or of the one of that name shipped in a package's folder; None if there is neither."""
    path = Path(source)
    if path.is_file():
        return path.read_text(encoding="utf-8")
    shipped = resources.files(package) / folder / f"{source}{ENDING}"
    return shipped.read_text(encoding="utf-8") if shipped.is_file() else None


def names(package: str, folder: str) -> list[str]:
    """Names of what is shipped there."""
    items = (resources.files(package) / folder).iterdir()
    return sorted(item.name.removesuffix(ENDING) for item in items if item.name.endswith(ENDING))
