"""Quotas on their way through approval, who decided, and the signed trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from workers.quota_approval.domain.cases import Case, Decided, Fact, Waiting
from workers.quota_approval.domain.people import Stage
from workers.quota_approval.domain.showing import Peer, RollUp
from workers.runtime.errors import BusinessError


class DecisionRefused(BusinessError):
    """What a person decided does not count; somebody is asked again. Brings ``approval_problem``."""

    code: ClassVar[str] = "decision_refused"


class ObjectionRefused(BusinessError):
    """It was not said by whose quota it is; they are asked again. Brings ``objection_problem``."""

    code: ClassVar[str] = "objection_refused"


class CaseDesk(Protocol):
    """All of it happens in the job's transaction, but for `page`."""

    async def pages(self, quota_id: str) -> int:
        """How many pages there are of quotas that no table has looked at since they last moved."""
        ...

    async def page(self, quota_id: str, page: int) -> Sequence[Fact]:
        """The facts of one page, counted from 1; needs no transaction.

        Raises:
            PermanentError: there is no such page.
        """
        ...

    async def decide(self, quota_id: str, decided: Sequence[Decided], at: datetime) -> None:
        """Keep the table's word: what needs nobody is approved, the rest waits for its first stage."""
        ...

    async def waiting(self, quota_id: str) -> tuple[Sequence[Waiting], float]:
        """What waits for people, the highest units first, and the share (0 to 1) of all that passed by itself."""
        ...

    async def case(self, quota_id: str, node: str) -> Case:
        """One quota; it is locked until the job ends.

        Raises:
            PermanentError: there is none.
        """
        ...

    async def path(self, quota_id: str, node: str) -> Sequence[str]:
        """The node and the units above it, from below."""
        ...

    async def peers(self, quota_id: str, node: str) -> Sequence[Peer]:
        """Members of the same unit, this one not, the first twenty."""
        ...

    async def roll_up(self, quota_id: str, node: str) -> Sequence[RollUp]:
        """The units above, what they and their members carry, and what changed since the first plan."""
        ...

    async def settle(self, quota_id: str, node: str) -> None:
        """It is approved as it is."""
        ...

    async def hand_on(
        self, quota_id: str, node: str, stage: Stage, *, comment: str = "", given_to: str | None = None
    ) -> None:
        """It is somebody else's turn."""
        ...

    async def adjusted(self, quota_id: str, node: str, by: str, reason: str, stage: Stage) -> None:
        """Note who set it and whose turn it is then."""
        ...

    async def deciders_so_far(self, quota_id: str, node: str) -> Sequence[str]:
        """Log-ins of those who set this quota, whatever became of it since."""
        ...

    async def last_decision(self, quota_id: str, node: str) -> tuple[str, Mapping[str, Any]]:  # Any: JSON
        """Who decided last about a quota, and what the trail has of it.

        Raises:
            PermanentError: nobody did.
        """
        ...

    async def ask(self, quota_id: str, nodes: Sequence[str]) -> Sequence[str]:
        """Which of these reps are to be asked about their quota, as it is another one than they were asked about before;
        noted as asked.
        """
        ...

    async def raise_objection(self, quota_id: str, node: str, objection: str) -> None:
        """The rep objects: the quota is looked at again, and no other one."""
        ...

    async def objections(self, quota_id: str) -> int:
        """How many quotas are open as their reps object."""
        ...

    async def open_nodes(self, quota_id: str) -> Sequence[str]:
        """Whatever is not approved as it stands in the plan."""
        ...

    async def sign(
        self, quota_id: str, node: str | None, action: str, actor: str, at: datetime, seen: Mapping[str, object]
    ) -> None:
        """Add a row to the signed trail."""
        ...


class DoneTasks(Protocol):
    """Camunda's own record of user tasks: who completed one cannot be typed in."""

    async def by_whom(self, process_instance_key: int, element_id: str, mark: str) -> str | None:
        """Log-in of who had claimed the completed task with a mark among its candidate users; None: nobody had.

        Raises:
            TransientError: Camunda does not know of it yet, or does not answer.
        """
        ...
