"""A finished plan: one immutable version, with the organisation that it was made from and what is proven of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from workers.archive import Archived
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.frames import organisation_of
from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.organisation import Organisation, Weights


@dataclass(frozen=True)
class Plan(Archived):
    """One version, ``<name>-<digest>``: the same input, weights and owners give the same one.

    The card: version, name, data hash, weights, limits, score, bound, gap, what is proven, figures. The frames' columns are in
    docs/adr/0012-territories.md.
    """

    unreadable = InputError

    accounts: pd.DataFrame
    reps: pd.DataFrame
    rules: pd.DataFrame
    trace: pd.DataFrame
    problems: pd.DataFrame

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
