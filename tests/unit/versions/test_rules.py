"""Who is drawn for a canary, what the engine moves by its version, and splits that an engine knows nothing of."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from tests.unit.runtime.demo.diagram import NAMESPACES, one_task
from tests.unit.versions.diagrams import moving
from workers.runtime.canary import Split
from workers.runtime.database import Pool
from workers.runtime.drawing import Drawing, NoDrawing, read_drawing
from workers.runtime.moving import Move, mapping, rules_of
from workers.runtime.splits import NotSideBySide, after_deployment, placing

LEADS = [f"lead-{number}" for number in range(4_000)]


def drawn(share: float, canary: int = 8) -> set[str]:
    split = Split(7, canary, share, frozenset(), {})
    return {lead for lead in LEADS if split.canary("lead_routing", lead)}


def test_a_share_is_drawn_and_a_larger_one_keeps_who_was_in_the_smaller() -> None:
    few, more = drawn(0.1), drawn(0.4)
    assert drawn(0.1) == few < more
    assert (drawn(0), drawn(1)) == (set(), set(LEADS))
    # Four standard deviations of a binomial distribution.
    assert abs(len(few) - 400) < 76
    assert abs(len(more) - 1_600) < 124
    assert drawn(0.1, canary=9) != few, "the next canary is tried by others"


def forked(*, second: str = "b", joined: str = "a2 b2") -> Drawing:
    """Two tasks at a time, and a gateway where they meet."""
    lines = "".join(f'<bpmn:sequenceFlow id="{one}" sourceRef="{one[0]}" targetRef="join"/>' for one in joined.split())
    tasks = "".join(
        f'<bpmn:sequenceFlow id="{one}1" sourceRef="fork" targetRef="{one}"/><bpmn:serviceTask id="{one}"/>'
        for one in ("a", second)
    )
    return read_drawing(
        f'<bpmn:definitions {NAMESPACES}><bpmn:process id="forked"><bpmn:startEvent id="start"/>'
        '<bpmn:sequenceFlow id="s" sourceRef="start" targetRef="fork"/><bpmn:parallelGateway id="fork"/>'
        f'{tasks}{lines}<bpmn:parallelGateway id="join"/><bpmn:endEvent id="end"/>'
        '<bpmn:sequenceFlow id="e" sourceRef="join" targetRef="end"/></bpmn:process></bpmn:definitions>'
    )


def test_who_waits_at_a_gateway_must_find_it_with_all_its_ways() -> None:
    old = forked()
    for new, hindered in ((forked(joined="a2 b2 b3"), False), (forked(joined="a2"), True)):
        found = mapping(old, new)
        assert {"join", "a2"} <= set(found)
        said = Move(old, new, found, rules_of("8.8.21")).hindrances([("a", "SERVICE_TASK")])
        assert said == (["join, where others may wait already, is gone or has lost a way into it"] if hindered else [])


@pytest.mark.parametrize(("version", "moved"), [("8.6.0", False), ("8.7.2", False), ("8.8.21", True), ("8.9.0", True)])
def test_rules_are_those_of_the_engine_that_runs(version: str, moved: bool) -> None:
    old, new = read_drawing(moving(1)), read_drawing(moving(2))
    move = Move(old, new, mapping(old, new), rules_of(version))
    assert (not move.hindrances([("prepare", "SERVICE_TASK")])) is moved, "an undo is attached to it"
    assert not move.hindrances([("look", "USER_TASK"), ("each", "MULTI_INSTANCE_BODY"), ("each", "USER_TASK")])


def test_versions_run_side_by_side_if_both_begin_with_the_same_work() -> None:
    stable, rules = read_drawing(moving(1)), rules_of("8.8.21")
    found = placing("moving", read_drawing(moving(2, check=True)), stable, rules)
    assert (found.entries, set(found.kept)) == (["prepare"], {"prepare", "undo_prepare", "stopped"})
    with pytest.raises(NotSideBySide, match="begins with ask, with which the other one does not"):
        placing("moving", read_drawing(moving(2, first="ask")), stable, rules)
    with pytest.raises(NotSideBySide, match=r"work for moving\.ready in one, for moving\.prepare in the other"):
        placing("moving", read_drawing(moving(2).replace(b"moving.prepare", b"moving.ready")), stable, rules)
    with pytest.raises(NotSideBySide, match="COMPENSATION, which this engine does not move"):
        placing("moving", read_drawing(moving(2)), stable, rules_of("8.6.0"))
    with pytest.raises(NoDrawing, match="0 processes"):
        read_drawing(f"<bpmn:definitions {NAMESPACES}/>")


async def test_a_deployment_forgets_splits_of_another_engine_and_knows_its_canaries(pool: Pool) -> None:
    insert = """
        INSERT INTO runtime.version_splits (process, stable_key, stable_version, drawing, share, entries, kept, set_by, why)
        VALUES (%s, %s, %s, %s, 0, '{look}', %s, 'ana', 'because')
    """
    async with pool.connection() as connection:
        for process, key, version in (("gone", 70, 7), ("other", 71, 7), ("held", 72, 7), ("known", 73, 7)):
            kept = Jsonb({"next": ["look"]})
            await connection.execute(insert, (process, key, version, one_task("look").decode(), kept))
        deployed = [("gone", 1, 70), ("other", 7, 4711), ("held", 8, 80), ("known", 7, 73)]
        await after_deployment(connection, deployed)
        rows = await (
            await connection.execute(
                "SELECT process, canary_key, canary_version, kept FROM runtime.version_splits ORDER BY 1"
            )
        ).fetchall()
    assert [(row["process"], row["canary_key"], row["canary_version"]) for row in rows] == [
        ("held", 80, 8),
        ("known", None, None),
    ]
    assert rows[0]["kept"] == {"next": ["look"], "80": ["look"]}
