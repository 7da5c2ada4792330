"""Mails to sales people, through a real SMTP server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.lead_routing.leads.casework import NOTICE, PRIVATE_LEAD, Casework, Mailbox
from workers.lead_routing import wiring
from workers.lead_routing.domain import letters
from workers.office.mail import SmtpDelivery, compose
from workers.runtime.errors import DependencyDown, PermanentError, TransientError
from workers.runtime.outbox import OutboxRow
from workers.settings import Mail


def row(**payload: Any) -> OutboxRow:
    content = {"to": ["ana@example.com"], "subject": "S", "text": "T", "html": "<p>T</p>", **payload}
    return OutboxRow(1, "mail", "lead", "lead/notify_owner/0/1", content, 0)


@pytest.fixture
def send(case: Casework) -> SmtpDelivery:
    delivery = wiring.deliveries(case.resources)["mail"]
    assert isinstance(delivery, SmtpDelivery)
    return delivery


async def test_the_owner_is_told_what_is_needed_and_no_more(case: Casework, mails: Mailbox) -> None:
    await case.register("lead", PRIVATE_LEAD)
    assert await case.run("notify_owner", round=0, **NOTICE) == {"owner_notified": True}
    await case.deliver()
    (mail,) = mails.mails
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    text, markup = plain.get_content().replace("\r\n", "\n"), html.get_content()
    assert mail["To"] == "ana@example.com"
    assert mail["Subject"] == "New lead for you: Zoë <b>Stone</b> · Acme"
    assert mail["Auto-Submitted"] == "auto-generated"
    link = f"{case.resources.settings.gateway_url}/leads/lead/task"
    for part in (text, markup):
        assert link in part
        assert "hot" in part
        assert "Ana speaks Spanish." in part
        assert "Fri 20 Nov 2026, 09:00 UTC" in part
        for private in ("private@acme.es", "612345678", "secret"):
            assert private not in part
    assert "- Referral: a friend\n- Pages viewed: 40\n" in text
    assert "<ul><li>Referral: a friend</li><li>Pages viewed: 40</li></ul>" in markup
    assert "<b>" not in markup
    assert "&lt;b&gt;" in markup


async def test_a_notice_is_recalled_where_it_went(case: Casework, mails: Mailbox) -> None:
    await case.register("lead", PRIVATE_LEAD)
    await case.run("notify_owner", round=0, **NOTICE)
    assert await case.run("recall_notice", lead_id="lead", round=0) == {"notice_recalled": True}
    assert await case.run("recall_notice", lead_id="lead", round=1) == {"notice_recalled": False}
    await case.deliver()
    assert [mail["Subject"].partition(":")[0] for mail in mails.mails] == ["New lead for you", "No longer yours"]
    assert {mail["To"] for mail in mails.mails} == {"ana@example.com"}


async def test_a_repeat_is_recognisable(send: SmtpDelivery, mails: Mailbox) -> None:
    await send(row())
    await send(row())
    await send(OutboxRow(2, "mail", "lead", "lead/notify_owner/1/1", row().payload, 0))
    first, again, other = (mail["Message-ID"] for mail in mails.mails)
    assert first == again != other


@pytest.mark.parametrize(
    ("answer", "error"), [("451 later", TransientError), ("554 never", PermanentError), ("421 busy", TransientError)]
)
async def test_the_servers_word_decides_on_another_try(
    send: SmtpDelivery, mails: Mailbox, answer: str, error: type[Exception]
) -> None:
    mails.answers.append(answer)
    with pytest.raises(error):
        await send(row())
    assert mails.mails == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(TransientError, match="did not answer"):
        await SmtpDelivery(Mail(timeout_seconds=2), port=1)(row())


async def test_a_server_that_stays_away_is_left_alone_for_a_while() -> None:
    away = SmtpDelivery(Mail(timeout_seconds=2), port=1)
    for _ in range(5):
        with pytest.raises(TransientError, match="did not answer"):
            await away(row())
    with pytest.raises(DependencyDown):
        await away(row())


@pytest.mark.parametrize("payload", [{"to": []}, {"to": ["not an address\n"]}, {"to": ["a@b"], "subject": "a\nBcc: x"}])
def test_a_mail_that_cannot_be_one_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        compose(row(**payload), "Fairlead <fairlead@example.com>")


def test_a_company_cannot_break_the_subject() -> None:
    assert "\n" not in letters.recall("Acme\nBcc: all@example.com").subject


@pytest.mark.parametrize(
    ("audience", "territory", "assignment", "to"),
    [
        ("sales-ops", "iberia", None, "ops@example.com"),
        ("manager", "iberia", None, "carla@example.com"),
        ("sales-managers", "iberia", None, "carla@example.com"),
        ("manager", None, None, "ops@example.com"),
        ("manager", "atlantis", None, "ops@example.com"),
        ("owner", "iberia", {"owner_id": "ana", "owner_email": "ana@example.com"}, "ana@example.com"),
        ("owner", "iberia", None, "ben@example.com"),
    ],
)
async def test_reminders_and_escalations_reach_somebody(
    case: Casework, mails: Mailbox, audience: str, territory: str | None, assignment: dict[str, str] | None, to: str
) -> None:
    await case.register("lead", PRIVATE_LEAD)
    await case.sql(
        "UPDATE routing.leads SET routing = jsonb_build_object('territory', %s::text), owner_id = 'ben'", territory
    )
    given = {
        "lead_id": "lead",
        "task_name": "Triage lead",
        "occurrence": "0.1",
        "due_at": "2026-11-20T10:00:00Z",
        "audience": audience,
        "assignment": assignment,
    }
    for _ in range(2):  # a redelivered job writes no second mail
        await case.run("send_reminder", element_id="send_reminder__triage_lead", **given)
        await case.run("send_escalation", element_id="send_escalation__triage_lead", **given)
    await case.run("send_reminder", element_id="send_reminder__triage_lead", **{**given, "occurrence": "1.1"})
    await case.deliver()
    assert [mail["To"] for mail in mails.mails] == [to] * 3
    assert [mail["Subject"] for mail in mails.mails] == [
        "Reminder: Triage lead",
        "Overdue: Triage lead",
        "Reminder: Triage lead",
    ]
    bodies = [mail.as_string() for mail in mails.mails]
    assert not any("Stone" in body or "private" in body for body in bodies)
