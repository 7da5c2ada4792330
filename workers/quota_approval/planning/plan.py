"""A finished plan: one immutable version, with everything that it was made from and can be explained or changed by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from workers.archive import Archived
from workers.quota_approval.planning.basis import DRIVERS, Basis
from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.limits import Limit
from workers.quota_approval.planning.odds import Odds
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.outlook import Outlook
from workers.quota_approval.planning.rules import REP, Rules
from workers.quota_approval.planning.solving import Solved


@dataclass(frozen=True)
class QuotaPlan(Archived):
    """One version, ``<name>-<period>-<digest>``: the same input, rules, edits and libraries give the same one.

    The card: version, parent version, period, target, rules, odds, key figures, edits, libraries. The frames' columns are in
    docs/adr/0013-quotas.md; amounts in them are whole cents (int64).
    """

    unreadable = InputError

    nodes: pd.DataFrame
    reps: pd.DataFrame
    mix: pd.DataFrame
    phases: pd.DataFrame
    limits: pd.DataFrame
    calibration: pd.DataFrame
    problems: pd.DataFrame

    @cached_property
    def rules(self) -> Rules:
        """What the planner had set."""
        return Rules.model_validate(self.card["rules"])

    @cached_property
    def organisation(self) -> Organisation:
        """The tree."""
        nodes, units = self.nodes, int((self.nodes["level"] != REP).sum())
        place = {name: i for i, name in enumerate(nodes["node"])}
        parents = tuple(place.get(parent, -1) for parent in nodes["parent"])
        return Organisation(tuple(nodes["node"]), tuple(nodes["name"]), tuple(nodes["level"]), parents, units)

    @cached_property
    def basis(self) -> Basis:
        """What the split was made from."""
        reps, segments = self.reps, tuple(self.card["segments"])
        months = tuple(pd.Timestamp(month).date() for month in self.card["months"])
        known = self.nodes["last_quota"].notna()
        outlook = Outlook(
            reps["expected"].to_numpy(),
            reps["own"].to_numpy(),
            self.mix[list(segments)].to_numpy(),
            np.array(self.card["market"]),
            np.array(self.card["odds"]["scores"]),
        )
        return Basis(
            organisation=self.organisation,
            rules=self.rules,
            odds=Odds.from_card(self.card["odds"]),
            outlook=outlook,
            segments=segments,
            drivers=reps[[f"{name}_money" for name in DRIVERS]].to_numpy(),
            months=months,
            monthly=self.phases["expected"].to_numpy().reshape(len(reps), len(months)),
            capacity=reps["capacity"].to_numpy(),
            limits=tuple(
                Limit(row["node"], row["rule"], bool(row["least"]), int(row["amount"]), row["why"])
                for row in self.limits.to_dict("records")
            ),
            last={
                str(node): int(quota)
                for node, quota in zip(self.nodes["node"][known], self.nodes["last_quota"][known], strict=True)
            },
        )

    @cached_property
    def solved(self) -> Solved:
        """The quotas as they were solved."""
        units = self.organisation.units
        return Solved(
            tuple(map(int, self.nodes["quota"])),
            self.reps["exact"].to_numpy(),
            self.nodes["level_z"].to_numpy()[:units],
        )

    def quota(self, node: str) -> int:
        """Cents of a rep or unit.

        Raises:
            InputError: if the plan has no such node.
        """
        return self.solved.quotas[self.at(node)]

    def at(self, node: str) -> int:
        """Place of a node. Raises InputError if there is none."""
        if node not in self.organisation.place:
            raise InputError(f"{self.version} has neither a unit nor a rep {node!r}")
        return self.organisation.place[node]
