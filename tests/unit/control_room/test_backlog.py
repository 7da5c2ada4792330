"""What the page Operations says of the work."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from workers import __version__
from workers.control_room import backlog
from workers.runtime.breaker import Breaker
from workers.runtime.database import Pool
from workers.runtime.presence import Presence


async def test_work_has_its_versions_and_what_is_to_be_tried_again(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO control.processes (key, process, version, deployed_at, diagram, names, position)"
            " SELECT v, 'lead_routing', v, now(), '', '{\"write_owner\": \"Write owner\"}', 1 FROM generate_series(1, 2) AS v"
        )
        # Four jobs, of both versions: one was done, three wait, of which one failed and one had failed before it was done.
        await connection.execute(
            "INSERT INTO control.elements (key, instance_key, process_key, element, kind, scope_key, started_at, ended_at,"
            " completed, position) SELECT i, i, 1 + i % 2, 'write_owner', 'SERVICE_TASK', i, now() - interval '1 min',"
            " CASE WHEN i = 4 THEN now() END, CASE WHEN i = 4 THEN true END, 1 FROM generate_series(1, 4) AS i"
        )
        await connection.execute(
            "INSERT INTO control.jobs (key, element_key, instance_key, process_key, process, element, job_type, waits_until,"
            " position) SELECT i, i, i, 1 + i % 2, 'lead_routing', 'write_owner', 't', now(), 1 FROM generate_series(3, 4) AS i"
        )
        found = await backlog.read(connection, datetime.now(UTC))
    (work,) = found.work
    assert (work.name, work.versions, work.waiting, work.again) == ("Write owner", (1, 2), 3, 1)


async def test_programs_tell_of_their_version_and_breakers_until_they_leave_or_fall_silent(pool: Pool) -> None:
    gone, breaker = Presence(pool, "dispatcher", ["crm.lead"], lambda: 0), Breaker("presence test", failures=1)
    there = Presence(pool, "worker", ["lead_routing.score_lead"], lambda: 3)
    for one in (gone, there):
        await one.note()
    with contextlib.suppress(OSError), breaker.guard(OSError):
        raise OSError
    await there.note()
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE runtime.programs SET seen_at = now() - interval '50 s' WHERE role = 'dispatcher'"
        )
        silent, works = (await backlog.read(connection, datetime.now(UTC))).programs
    assert (silent["role"], silent["silent"], works["silent"]) == ("dispatcher", True, False)
    assert (works["tasks"], works["version"], works["running"]) == (["lead_routing.score_lead"], __version__, 3)
    assert "presence test" in works["left_alone"]
    assert "presence test" not in silent["left_alone"]
    await there.leave()
    async with pool.connection() as connection:
        assert [one["role"] for one in (await backlog.read(connection, datetime.now(UTC))).programs] == ["dispatcher"]
