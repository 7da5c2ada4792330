"""Which field of an opportunity, or deal, holds what: a part of a system's mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from workers.connectors.mapping import Part, WrongMapping
from workers.opportunity_prioritisation.domain.opportunity import Stage

OpportunityField = Literal[
    "name", "amount", "source", "stage_since", "last_contact_at", "contacts", "decision_maker", "competitors", "product"
]
RankingField = Literal["place", "expected_value", "action", "why", "contacted_at"]

NUMBERS: tuple[RankingField, ...] = ("place", "expected_value")
LONGEST = 255
"""Characters of a text that is written."""


class OpportunityMapping(Part):
    """Where the fields of an opportunity are."""

    stages: Mapping[str, Stage]
    """What the system calls a stage → which of ours it is; opportunities in other stages are left alone."""
    read: Mapping[OpportunityField, str]
    """What is not read counts as unknown: nobody who decides was spoken to, there are no competitors."""
    write: Mapping[RankingField, str] = {}
    """What is not named is not written."""

    @property
    def ranking(self) -> Mapping[RankingField, str]:
        """The fields that a ranking fills."""
        return {name: field for name, field in self.write.items() if name != "contacted_at"}

    @property
    def numbers(self) -> set[str]:
        """Those of them that hold numbers."""
        return {field for name, field in self.write.items() if name in NUMBERS}

    @property
    def fields(self) -> set[str]:
        """All fields that are read to know an opportunity."""
        contacted = self.write.get("contacted_at")
        return {*self.read.values(), *([contacted] if contacted else [])}


def needed(found: OpportunityMapping | None, package: str) -> OpportunityMapping:
    """The part of a mapping that must be there.

    Raises:
        WrongMapping: it is not.
    """
    if found is None:
        raise WrongMapping(
            f"The mapping has no part `opportunity`: copy it from the mapping.yaml of {package}, and change it to your fields."
        )
    return found
