"""Immutable versions as bytes: a zip of Parquet frames and a JSON card. No pickle, so reading runs no code."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_CARD = "card.json"


class NoArchive(ValueError):
    """These bytes are no version that this program can read."""


def pack(card: Mapping[str, object], frames: Mapping[str, pd.DataFrame]) -> bytes:
    """The same card and frames give the same bytes."""
    out = io.BytesIO()
    contents = {_CARD: json.dumps(card, indent=2, sort_keys=True).encode()}
    contents |= {f"{name}.parquet": frame.to_parquet(index=False) for name, frame in frames.items()}
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in contents.items():
            # A fixed date: bytes say what is in a version, not when it was made.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def unpack(data: bytes, names: Iterable[str], *, form: int) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Card and named frames that `pack` wrote; the card's `format` must be `form`.

    Raises:
        NoArchive: if the bytes are none, or of another format.
    """
    import pandas as pd  # noqa: PLC0415 - whoever has no extra that brings pandas still has this module

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            card = json.loads(archive.read(_CARD))
            found = {name: pd.read_parquet(io.BytesIO(archive.read(f"{name}.parquet"))) for name in names}
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise NoArchive(f"these bytes are no stored version: {error}") from error
    if card.get("format") != form:
        raise NoArchive(f"the stored version has format {card.get('format')}, this program reads {form}")
    return card, found


def digest(content: Mapping[str, object]) -> str:
    """Ten hex digits that name what a version is made from."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
