"""What commands that make versions share: a folder of them, and a word on what was left out of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from workers.archive import Archived

LATEST = "latest"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """Versions of one kind, each a file, below the home folder."""

    name: str
    """Of the folder."""
    ending: str
    """Of the files, with its dot."""

    @property
    def folder(self) -> Path:
        """Where versions are kept unless somebody says otherwise."""
        from workers.settings import get_settings

        return get_settings().home / self.name

    def files(self) -> list[Path]:
        """Those that are there, the oldest first."""
        return sorted(self.folder.glob(f"*{self.ending}"), key=lambda file: file.stat().st_mtime)

    def keep(self, version: Archived, out: Path | None) -> Path:
        """Write a version to a folder; the file's path."""
        folder = out or self.folder
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{version.version}{self.ending}"
        file.write_bytes(version.to_bytes())
        return file

    def find(self, version: str) -> bytes | None:
        """A version by file or from the folder, or the `LATEST` one; None: it is not here."""
        named = [Path(version), self.folder / f"{version}{self.ending}"]
        files = self.files()[-1:] if version == LATEST else [file for file in named if file.is_file()]
        return files[0].read_bytes() if files else None


def print_problems(texts: Sequence[str], *, kept_with: str = "version") -> None:
    """What was left out of the input, the first few in full."""
    for text in texts[:_NAMED]:
        typer.echo(text, err=True)
    if len(texts) > _NAMED:
        typer.echo(f"… and {len(texts) - _NAMED:,} more of that kind; all are kept with the {kept_with}.", err=True)
