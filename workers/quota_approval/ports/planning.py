"""Inputs and plans."""

from __future__ import annotations

from typing import ClassVar, Protocol

from workers.quota_approval.domain.plans import Collected, PlanFacts
from workers.quota_approval.domain.reviews import Organisation, Review
from workers.runtime.errors import BusinessError


class InputsUnusable(BusinessError):
    """Nothing can be planned from what was collected; a person decides. Brings ``plan_why``."""

    code: ClassVar[str] = "inputs_unusable"


class PlanImpossible(BusinessError):
    """No plan keeps all rules, or none was found within time and memory; a person decides. Brings ``plan_why``."""

    code: ClassVar[str] = "plan_impossible"


class AdjustmentImpossible(BusinessError):
    """The rest of the unit cannot take what is left; who asked is asked again. Brings ``approval_problem``."""

    code: ClassVar[str] = "adjustment_impossible"


class InputDesk(Protocol):
    """Works in the job's transaction; a collection, once stored, is not changed."""

    async def collect(self, review: Review, organisation: Organisation, collection: int) -> Collected:
        """Keep the tables as they are now, with the published forecast if the organisation plans by one.

        Raises:
            InputsUnusable: tables are missing, the period has no forecast, or it overlaps one that is published.
        """
        ...


class Planner(Protocol):
    """Plans in a process of its own, which has limits and ends with the job."""

    async def plan(self, review: Review, organisation: Organisation, input_id: str, target: float | None) -> PlanFacts:
        """Plan, keep the version, and begin a case for each quota.

        Raises:
            PlanImpossible: rules clash (the set of them in words), or time or memory did not suffice.
        """
        ...

    async def adjust(self, review: Review, node: str, cents: int, reason: str) -> None:
        """Lock one quota and split the rest of its unit again; the cases of whoever moves open again.

        Raises:
            AdjustmentImpossible: the others cannot take the rest; brings what is possible.
        """
        ...
