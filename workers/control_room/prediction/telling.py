"""Tells people by mail of a case that needs them before its due time is over: each case once at each level.

That it was told and the mail's outbox row are one transaction with the level, so that a crash neither loses nor repeats a mail.
"""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.office import reps
from workers.office.letters import CHANNEL, Letter, letter, when
from workers.runtime import outbox
from workers.settings import Settings

_TOLD = "INSERT INTO prediction.told (task_key, level) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_MANAGER = "SELECT manager_email FROM routing.territories WHERE id = %s"
_OLD = "DELETE FROM prediction.told WHERE told_at < clock_timestamp() - make_interval(days => %s)"


class Telling:
    """Writes to whom the table of attention names; if nobody can be found, to sales operations."""

    def __init__(self, settings: Settings) -> None:
        self._sales_ops = settings.mail.sales_ops
        self._tasklist = f"{settings.camunda_url}/tasklist"
        self._keep_days = settings.control_room.keep_days

    async def tell(
        self, connection: AsyncConnection[DictRow], case: DictRow, *, level: str, whom: str, why: str
    ) -> bool:
        """Put a mail into the outbox, in the caller's transaction; whether there was anything to tell.

        Args:
            connection: of the caller.
            case: a row of `attention`: key, case_id, called, name, company, due_at, risk, speaks_for, territory, people.
            level: of attention.
            whom: person, manager, sales_ops or nobody.
            why: in the words of the table.
        """
        if whom == "nobody" or (await connection.execute(_TOLD, (case["key"], level))).rowcount == 0:
            return False
        to = await self._addresses(connection, case, whom)
        if not to:
            return False
        mail = self._letter(case, why).to(to)
        of = case["case_id"] or f"task-{case['key']}"
        return await outbox.put(connection, CHANNEL, of, f"attention/{case['key']}/{level}", mail)

    async def forget(self, connection: AsyncConnection[DictRow]) -> int:
        """Forget what was told of tasks that the read model has forgotten; how many."""
        return (await connection.execute(_OLD, (self._keep_days,))).rowcount

    async def _addresses(self, connection: AsyncConnection[DictRow], case: DictRow, whom: str) -> list[str]:
        found: list[str] = []
        if whom == "person":
            logins = [case["assignee"]] if case["assignee"] else list(case["users"] or ())
            people = [await reps.of_login(connection, login) for login in logins]
            found = [rep.email for rep in people if rep is not None]
        elif whom == "manager":
            row = await (await connection.execute(_MANAGER, (case["territory"],))).fetchone()
            found = [row["manager_email"]] if row is not None and row["manager_email"] else []
        return found or list(self._sales_ops)

    def _letter(self, case: DictRow, why: str) -> Letter:
        about = " · ".join(part for part in (case["name"], case["company"]) if part) or case["case_id"] or ""
        name = f"{case['called']}: {about}" if about else case["called"]
        chance = "" if case["risk"] is None else f" The chance that it runs over is {100 * case['risk']:.0f} %."
        said = [f"“{name}” is due by {when(case['due_at'])}.{chance} {why}"]
        if case["speaks_for"]:
            said.append("\n".join(f"- {one}" for one in case["speaks_for"]))
        return letter(f"Needs attention: {name}", said, ("Open the task", f"{self._tasklist}/{case['key']}"))
