"""What reaches the CRM: once, in order, and undone to exactly what was there before."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest
from pydantic import SecretStr

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing.adapters.crm import CrmDatabase, CrmDelivery
from workers.lead_routing.ports.crm import CHANNEL, CrmDown
from workers.runtime.errors import DependencyDown, PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources

LEAD = {"name": "Ana Ruiz", "email": "ana@acme.es", "company": "Acme", "message": "secret", "attributes": {"x": 1}}
_ids = count(1)


def change(external_id: str, **payload: Any) -> OutboxRow:
    return OutboxRow(next(_ids), CHANNEL, "lead", external_id, {"lead_id": "lead", **payload}, 0)


@pytest.fixture
def send(case: Casework) -> CrmDelivery:
    from workers.lead_routing import wiring  # noqa: PLC0415 - the same way to the CRM as the tasks have

    delivery = wiring.deliveries(case.resources)[CHANNEL]
    assert isinstance(delivery, CrmDelivery)
    return delivery


async def log(case: Casework) -> list[tuple[str, str | None, str | None]]:
    rows = await case.sql("SELECT field, old, new FROM crm.change_log ORDER BY id")
    return [(row["field"], row["old"], row["new"]) for row in rows]


async def owner(case: Casework) -> str | None:
    found: str | None = (await case.crm_lead("lead"))["owner_id"]
    return found


async def test_a_change_is_logged_and_its_repeat_is_harmless(case: Casework, send: CrmDelivery) -> None:
    first, second = change("c1", owner_id="ana", status="assigned"), change("c2", owner_id="ben", fields={"a": 1})
    for row in (first, second, first, second, first):
        await send(row)
    crm = await case.crm_lead("lead")
    assert (crm["owner_id"], crm["status"], crm["fields"], crm["version"]) == ("ben", "assigned", {"a": 1}, 3)
    assert await log(case) == [
        ("owner_id", None, "ana"),
        ("status", "new", "assigned"),
        ("owner_id", "ana", "ben"),
        ("fields", "", "a"),
    ]


async def test_a_change_that_changed_nothing_is_known_when_it_comes_again(case: Casework, send: CrmDelivery) -> None:
    nothing = change("c2", owner_id="ana")
    for row in (change("c1", owner_id="ana"), nothing, change("c3", owner_id="ben"), nothing):
        await send(row)
    assert await owner(case) == "ben"


async def test_repeats_at_the_same_moment_are_applied_once(case: Casework, send: CrmDelivery) -> None:
    row = change("c1", owner_id="ana", status="assigned")
    await asyncio.gather(*(send(row) for _ in range(8)))
    assert (await case.crm_lead("lead"))["version"] == 2
    assert len(await log(case)) == 2


async def test_a_payload_that_is_not_ours_is_refused(case: Casework, send: CrmDelivery) -> None:
    with pytest.raises(PermanentError, match="names no lead"):
        await send(OutboxRow(1, CHANNEL, "lead", "c1", {}, 0))


async def test_a_crm_that_is_away_is_tried_again() -> None:
    away = CrmDatabase("host=127.0.0.1 port=1 dbname=none", timeout=0.5)
    with pytest.raises(CrmDown):
        await CrmDelivery(away)(change("c1"))
    await away.close()


async def test_the_crm_can_be_reached_another_way_than_our_database(case: Casework) -> None:
    from workers.lead_routing import wiring  # noqa: PLC0415 - the same way to the CRM as the tasks have

    away = SecretStr("host=127.0.0.1 port=1 dbname=none")
    apart = Resources(case.resources.settings.model_copy(update={"crm_database_url": away}), case.resources.pool)
    with pytest.raises(CrmDown):
        await wiring.deliveries(apart)[CHANNEL](change("c1"))
    await wiring.close(apart)
    assert await case.sql("SELECT FROM crm.leads") == []


async def test_a_crm_that_stays_away_is_left_alone_for_a_while() -> None:
    away = CrmDatabase("host=127.0.0.1 port=1 dbname=none", timeout=0.1)
    for _ in range(5):
        with pytest.raises(CrmDown) as caught:
            await CrmDelivery(away)(change("c1"))
        assert not isinstance(caught.value, DependencyDown)
    with pytest.raises(CrmDown) as resting:  # so that tasks take the path they have for it
        await CrmDelivery(away)(change("c1"))
    assert isinstance(resting.value, DependencyDown)  # so that others wait without using up tries
    await away.close()


async def assign(case: Casework, rep: str, round_: int) -> dict[str, Any]:
    result = await case.run(
        "write_owner", lead_id="lead", round=round_, assignment={"owner_id": rep}, lead=LEAD, account=None
    )
    crm_write: dict[str, Any] = result["crm_write"]
    return crm_write


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("former", ["ben", None])
async def test_undoing_restores_exactly_the_former_owner(
    case: Casework, send: CrmDelivery, former: str | None, delivered: bool
) -> None:
    await case.register("lead", LEAD)
    if former:
        await send(change("before", owner_id=former, status="accepted"))
    assert await assign(case, "ana", 0) == {"former_owner": former}
    if delivered:
        await case.deliver()
        crm = await case.crm_lead("lead")
        assert (crm["owner_id"], crm["status"]) == ("ana", "assigned")
        assert crm["fields"] == {"name": "Ana Ruiz", "email": "ana@acme.es", "company": "Acme"}
    assert await case.run("restore_owner", lead_id="lead", round=0) == {"owner_restored": True}
    assert await case.run("restore_owner", lead_id="lead", round=0) == {"owner_restored": True}
    await case.deliver()
    crm = await case.crm_lead("lead")
    assert (crm["owner_id"], crm["status"]) == (former, "accepted" if former else "new")


async def test_the_former_owner_is_seen_through_what_is_still_under_way(case: Casework) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana", 0)
    await case.deliver()
    await case.run("restore_owner", lead_id="lead", round=0)
    # The CRM still says Ana, as the restoring has not arrived there.
    assert await assign(case, "ben", 1) == {"former_owner": None}
    await case.run("restore_owner", lead_id="lead", round=1)
    await case.deliver()
    assert await owner(case) is None
    assert [entry[2] for entry in await log(case) if entry[0] == "owner_id"] == ["ana", None, "ben", None]


async def test_undoing_leaves_alone_what_a_person_changed_in_the_crm(case: Casework, send: CrmDelivery) -> None:
    await case.register("lead", LEAD)
    await assign(case, "ana", 0)
    await case.deliver()
    await send(change("by hand", owner_id="zoe"))
    await case.run("restore_owner", lead_id="lead", round=0)
    await case.deliver()
    assert await owner(case) == "zoe"


async def test_nothing_is_restored_if_nothing_was_written(case: Casework) -> None:
    await case.register("lead", LEAD)
    assert await case.run("restore_owner", lead_id="lead", round=0) == {"owner_restored": False}
    assert await case.sql("SELECT FROM runtime.outbox") == []
