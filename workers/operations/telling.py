"""Tells operations by mail of incidents and dead letters: each once, however often it is tried again.

What was found in a round goes into one mail, with its runbooks. That it was told and the mail's outbox row are written
in one transaction, so that a crash neither loses nor repeats a mail; sending it errs as any mail does, towards twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from html import escape

from workers.operations import incidents
from workers.operations.model import DeadLetter, Incident, Json
from workers.runtime import outbox, runbooks
from workers.runtime.database import Pool
from workers.settings import Settings

CHANNEL = "mail"
BUSINESS_ID = "operations"
"""Mails to operations go one after the other."""

PAUSE_SECONDS = 60.0
"""At least so long between two mails: what comes up meanwhile goes into the next."""

LISTED = 50
"""So many are listed in a mail; the others are counted."""

# What nobody was told of before, but nothing as long as the last mail is fresh.
_UNTOLD = """
    SELECT subject FROM unnest(%(subjects)s::text[]) AS found (subject)
    WHERE NOT EXISTS (SELECT FROM runtime.told WHERE told.subject = found.subject)
      AND NOT EXISTS (
        SELECT FROM runtime.told WHERE told_at > clock_timestamp() - make_interval(secs => %(pause)s))
"""
_TOLD = "INSERT INTO runtime.told (subject) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING RETURNING subject"


class Telling:
    """Writes to those whom the settings name; to nobody if they name nobody."""

    def __init__(
        self, pool: Pool, board: incidents.Board, settings: Settings, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._pool = pool
        self._board = board
        self._settings = settings
        self._pause_seconds = pause_seconds

    async def tell(self, troubles: Sequence[Incident | DeadLetter]) -> int:
        """Put a mail about what is new among these into the outbox; how many are new.

        Raises:
            psycopg.OperationalError: the database is away; nothing was told.
            UnreachableError: Camunda's REST API doesn't answer; nothing was told.
        """
        to = self._settings.mail.operations
        if not troubles or not to:
            return 0
        news = {one.subject: one for one in troubles}
        async with self._pool.connection() as connection:
            wanted = {"subjects": list(news), "pause": self._pause_seconds}
            untold = {row["subject"] for row in await (await connection.execute(_UNTOLD, wanted)).fetchall()}
        listed = [one for subject, one in news.items() if subject in untold][:LISTED]
        # The cases are asked for only now, and outside of any transaction.
        raised = await incidents.named(self._pool, self._board, [one for one in listed if isinstance(one, Incident)])
        listed = [*raised, *(one for one in listed if isinstance(one, DeadLetter))]
        async with self._pool.connection() as connection:
            told = (await connection.execute(_TOLD, (sorted(untold),))).rowcount if untold else 0
            if told:  # else another process was quicker
                mail = self._mail(listed, told) | {"to": to}
                await outbox.put(connection, CHANNEL, BUSINESS_ID, f"{BUSINESS_ID}/{uuid.uuid4()}", mail)
        return told

    def _mail(self, news: Sequence[Incident | DeadLetter], number: int) -> Json:
        kinds = sorted({"incident" if isinstance(one, Incident) else "dead letter" for one in news}, reverse=True)
        what = " and ".join(f"{kind}s" if number > 1 else kind for kind in kinds)
        more = f"And {number - len(news)} more." if number > len(news) else ""
        advice = (
            "What may go away by itself is tried again by self-healing; the rest waits for you. "
            "All there are: `fairlead ops incidents` and `fairlead ops dead-letters`."
        )
        rows = [(self._place(one), *self._message(one)) for one in news]
        text = [f"{place}\n  {message}\n  {address}\n" for place, message, address in rows]
        items = [
            f'<li><b>{escape(place)}</b><br>{escape(message)}<br><a href="{escape(address)}">What to do</a></li>'
            for place, message, address in rows
        ]
        return {
            "subject": f"Fairlead: {number} new {what}",
            "text": "\n".join([*text, *([more] if more else []), advice]),
            "html": f"<ul>{''.join(items)}</ul><p>{more}</p><p>{escape(advice)}</p>",
        }

    def _place(self, one: Incident | DeadLetter) -> str:
        place = f"{one.process} {one.element}" if isinstance(one, Incident) else f"dead letter of {one.channel}"
        return f"{place}, case {one.business_id}" if one.business_id else place

    def _message(self, one: Incident | DeadLetter) -> tuple[str, str]:
        """The message, and its runbook's address; the engine's own messages have none."""
        text, _, address = one.message.rpartition(runbooks.LABEL)
        page = runbooks.INCIDENT if isinstance(one, Incident) else runbooks.DEAD_LETTER
        return (text, address) if text else (one.message, self._settings.runbook(page))
