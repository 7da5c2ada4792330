"""Operations are told of incidents and dead letters: once each, with what to do."""

from __future__ import annotations

from tests.unit.operations.conftest import Trouble, bury, rows
from workers.healing.hands import Hands
from workers.healing.watching import Watch
from workers.office.mail import compose
from workers.operations import dead_letters
from workers.operations.audit import Actor
from workers.operations.model import Wanted
from workers.operations.telling import LISTED, Telling
from workers.runtime.database import Pool
from workers.runtime.outbox import OutboxRow
from workers.settings import Mail, Settings

AWAY = "Gave up after the last try: The CRM is away. Runbook: http://here/runbooks/crm-away.md"
OURS = Settings(mail=Mail(operations=["ops@example.com"]), runbooks_url="http://here/runbooks")


async def mails(pool: Pool) -> list[OutboxRow]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, channel, business_id, external_id, payload, tries FROM runtime.outbox ORDER BY id"
        )
        return [OutboxRow(**row) for row in await cursor.fetchall()]


async def test_an_incident_is_told_once_however_often_it_is_tried(pool: Pool, trouble: Trouble) -> None:
    watch = Watch(pool, trouble.board, Telling(pool, trouble.board, OURS, pause_seconds=0).tell)
    hands = Hands(pool, trouble.board, trouble.client)
    await trouble.make(AWAY)
    for _ in range(3):
        ((found,), _) = await watch.look()
        assert (await hands.act("retry", found, Actor("policy:back", "Again."))).ok
        (job,) = await trouble.jobs(1)
        await trouble.fail(job, AWAY)
        await trouble.incidents(1)
    (row,) = await mails(pool)
    mail = compose(row, "Fairlead <fairlead@example.com>")
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", "Fairlead: 1 new incident")
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert f"{trouble.process} call, case c0" in text
    assert "Gave up after the last try: The CRM is away.\n" in text
    assert "  http://here/runbooks/crm-away.md\n" in text
    ((found,), _) = await watch.look()
    await hands.act("retry", found, Actor("policy:back", "Again."))
    (job,) = await trouble.jobs(1)
    await trouble.client.complete(job.key, "{}")
    await trouble.make(AWAY, AWAY)
    await watch.look()
    assert [row.payload["subject"] for row in await mails(pool)][1:] == ["Fairlead: 2 new incidents"]


async def test_a_storm_makes_one_mail_and_what_comes_later_waits_for_the_next(pool: Pool, trouble: Trouble) -> None:
    telling = Telling(pool, trouble.board, OURS)
    for number in range(LISTED + 5):
        await bury(pool, f"lead-{number}", 1, "The CRM has no such field.")
    letters = await dead_letters.find(pool, Wanted())
    assert await telling.tell(letters[:-1]) == LISTED + 4
    assert await telling.tell(letters) == 0  # the last mail is fresh
    mail = next(row for row in await mails(pool) if row.channel == "mail").payload
    assert mail["subject"] == f"Fairlead: {LISTED + 4} new dead letters"
    assert mail["text"].count("http://here/runbooks/dead-letter.md") == LISTED
    assert "And 4 more." in mail["text"]
    await rows(pool, "UPDATE runtime.told SET told_at = told_at - interval '2 minutes' RETURNING 1")
    assert await telling.tell(letters) == 1


async def test_with_nobody_to_tell_nothing_counts_as_told(pool: Pool, trouble: Trouble) -> None:
    await bury(pool, "lead-1", 1, "The CRM has no such field.")
    letters = await dead_letters.find(pool, Wanted())
    nobody = Settings(mail=Mail(operations=[]))
    assert await Telling(pool, trouble.board, nobody).tell(letters) == 0
    assert await Telling(pool, trouble.board, OURS).tell(letters) == 1
