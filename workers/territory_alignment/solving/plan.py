"""A finished plan: one immutable version, with the organisation that it was made from and what is proven of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workers.archive import NoArchive, pack, unpack
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.frames import organisation_of
from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.organisation import Organisation, Weights

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """One version. The frames' columns are in docs/adr/0012-territories.md."""

    card: Mapping[str, Any]  # Any: JSON
    """Version, name, data hash, weights, limits, score, bound, gap, what is proven, figures: small enough for a person."""
    accounts: pd.DataFrame
    reps: pd.DataFrame
    rules: pd.DataFrame
    trace: pd.DataFrame
    problems: pd.DataFrame

    @property
    def version(self) -> str:
        """``<name>-<digest>``: the same input, weights and owners give the same version."""
        return str(self.card["version"])

    @property
    def name(self) -> str:
        """What is planned; versions of one name are scenarios of it."""
        return str(self.card["name"])

    @property
    def weights(self) -> Weights:
        """What was weighed."""
        return Weights(**self.card["weights"])

    @cached_property
    def organisation(self) -> Organisation:
        """What was planned, as it was read."""
        return organisation_of(self.accounts, self.reps, self.rules, self.name)

    @cached_property
    def owner(self) -> Ints:
        """By account, the position of its rep."""
        at = {rep: k for k, rep in enumerate(self.reps["rep"])}
        return np.array([at[rep] for rep in self.accounts["rep"]], dtype=np.int64)

    def to_bytes(self) -> bytes:
        """A zip of Parquet frames and the card; the same plan gives the same bytes."""
        return pack(self.card, {name: getattr(self, name) for name in FRAMES})

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """The plan that `to_bytes` wrote.

        Raises:
            InputError: if the bytes are none.
        """
        try:
            card, frames = unpack(data, FRAMES, form=FORMAT)
        except NoArchive as error:
            raise InputError(str(error)) from error
        return cls(card, **frames)


FRAMES = tuple(field.name for field in fields(Plan) if field.name != "card")
