"""The book of promises: what was promised, by whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.follow_up.domain.follow_up import Change, FollowUp, State, Subject
from workers.office.promises import Promise
from workers.office.reps import Rep
from workers.runtime.errors import BusinessError


class ChangeRefused(BusinessError):
    """The promise cannot be put off or passed on like that."""

    code: ClassVar[str] = "change_refused"


class FollowUpBook(Protocol):
    """All of it happens in the job's transaction."""

    async def open(self, follow_up_id: str, promise: Promise, at: datetime) -> None:
        """Enter a promise; one that is there already stays as it is."""
        ...

    async def find(self, follow_up_id: str) -> FollowUp:
        """One follow-up.

        Raises:
            PermanentError: it was never entered.
        """
        ...

    async def subject(self, kind: str, subject_id: str) -> Subject:
        """The lead or opportunity; one that is unknown has its id for a title."""
        ...

    async def rep(self, rep_id: str) -> Rep | None:
        """Who promised it; None: nobody of that id."""
        ...

    async def rep_of_login(self, login: str) -> Rep | None:
        """Who has that log-in; None: nobody."""
        ...

    async def addresses(self, rep: Rep | None, group: str) -> Sequence[str]:
        """Who is written to: the rep, or for ``sales-managers`` the rep's manager; else sales operations."""
        ...

    async def change(self, follow_up_id: str, key: str, change: Change, *, due_at: datetime, rep_id: str) -> None:
        """Note a change, and how it stands from now on."""
        ...

    async def changes(self, follow_up_id: str) -> Sequence[Change]:
        """The oldest first."""
        ...

    async def escalated(self, follow_up_id: str, at: datetime) -> None:
        """Note that the promised time passed without a contact."""
        ...

    async def close(self, follow_up_id: str, state: State, at: datetime, *, result: str, by: str, note: str) -> bool:
        """End it; False if it had ended before."""
        ...
