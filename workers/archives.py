"""Immutable results as bytes: a zip of a JSON card and Parquet frames. No pickle, so reading runs no code.

Used where pandas is: forecasts and territories.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

DATE = (1980, 1, 1, 0, 0, 0)
"""Of all that is inside: bytes say what was found, not when."""


class ArchiveError(ValueError):
    """The bytes are no archive of this kind."""


def pack(card: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> bytes:
    """The same card and frames give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("card.json", DATE), json.dumps(card, indent=2, sort_keys=True).encode())
        for name, frame in frames.items():
            content = io.BytesIO()
            frame.to_parquet(content, index=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.parquet", DATE), content.getvalue())
    return out.getvalue()


def unpack(
    data: bytes, names: Iterable[str], *, kind: str, version: int
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """What `pack` wrote: the card, and the frames of these names.

    Raises:
        ArchiveError: if the bytes are none, or the card's `format` isn't this version; `kind` is what it should have been.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            card = json.loads(archive.read("card.json"))
            frames = {name: pd.read_parquet(io.BytesIO(archive.read(f"{name}.parquet"))) for name in names}
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ArchiveError(f"these bytes are no stored {kind}: {error}") from error
    if card.get("format") != version:
        raise ArchiveError(f"the stored {kind} has format {card.get('format')}, this program reads {version}")
    return card, frames


def version_of(name: str, content: Mapping[str, object]) -> str:
    """``<name>-<digest>``, the version that is made from this content."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{name}-{digest[:10]}"
