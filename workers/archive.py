"""Immutable versions as bytes: a zip of Parquet frames and a JSON card. No pickle, so reading runs no code."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

_CARD = "card.json"


@dataclass(frozen=True)
class Archived:
    """One immutable version: a card, and the data frames that a subclass has as its other fields."""

    card: Mapping[str, Any]  # Any: JSON
    """What a person wants to know of it: small. Its `format` is that of the frames."""

    form: ClassVar[int] = 1
    """Raised when the frames change."""
    unreadable: ClassVar[type[Exception]] = ValueError
    """What `from_bytes` raises."""

    @property
    def version(self) -> str:
        """The same content gives the same version."""
        return str(self.card["version"])

    def to_bytes(self) -> bytes:
        """A zip of Parquet frames and the card; the same version gives the same bytes."""
        out = io.BytesIO()
        contents = {_CARD: json.dumps(self.card, indent=2, sort_keys=True).encode()}
        contents |= {_file(name): getattr(self, name).to_parquet(index=False) for name in self._frames()}
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in contents.items():
                # A fixed date: bytes say what is in a version, not when it was made.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote.

        Raises:
            Exception: (its `unreadable`) the bytes are none, or of another format.
        """
        import pandas as pd  # noqa: PLC0415 - whoever has no extra that brings pandas still has this module

        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                card = json.loads(archive.read(_CARD))
                frames = {name: pd.read_parquet(io.BytesIO(archive.read(_file(name)))) for name in cls._frames()}
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise cls.unreadable(f"these bytes are no stored version: {error}") from error
        if card.get("format") != cls.form:
            raise cls.unreadable(f"the stored version has format {card.get('format')}, this program reads {cls.form}")
        return cls(card, **frames)

    @classmethod
    def _frames(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls) if field.name != "card")


def _file(frame: str) -> str:
    return f"{frame}.parquet"


def digest(content: Mapping[str, object]) -> str:
    """Ten hex digits that name what a version is made from."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
