"""A replay from the file to the answer: Camunda's own evaluation in processes of its own, a real database, no engine."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from tests.unit.what_if.leads import LEADS
from workers.__main__ import build
from workers.engine.decisions import DecisionEngine
from workers.runtime.database import Pool
from workers.settings import Settings, get_settings
from workers.what_if.asking import ask
from workers.what_if.errors import Refused, Unfinished
from workers.what_if.tables import parsed

IN_USE = Path("dmn/lead_routing_rules.dmn").read_bytes()
FALLBACK = Path("dmn/lead_fallback_score.dmn").read_bytes()


def changed(before: str, after: str, content: bytes = IN_USE) -> bytes:
    """A file in which one text is another."""
    assert content.count(before.encode()) == 1, "the test's own change must still fit the table"
    return content.replace(before.encode(), after.encode())


def test_the_command_finds_exactly_the_leads_that_a_changed_rule_concerns(
    past: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(past.dsn) as connection:
        cursor = connection.execute("""
            SELECT l.lead_id FROM routing.leads l LEFT JOIN crm.accounts a ON a.id = l.account_id
            WHERE coalesce(a.employees, (l.lead->>'employees')::int) BETWEEN 50 AND 99
              AND coalesce(a.annual_revenue_eur, 0) < 20000000""")
        concerned = {lead_id for (lead_id,) in cursor.fetchall()}
    assert len(concerned) > 1, "the seed gives such leads"
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", past.dsn)
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    table, out = tmp_path / "changed.dmn", tmp_path / "cases.csv"
    another_reason = changed('<text>"Mid-market: 20 million EUR revenue or more"</text>', '<text>"Mid-market"</text>')
    table.write_bytes(changed("<text>&gt;= 100</text>", "<text>&gt;= 50</text>", another_reason))
    runner, app = CliRunner(), build(["whatif"])
    shown = runner.invoke(app, ["whatif", str(table), "--last", str(LEADS), "--cases", "1", "--out", str(out)])
    get_settings.cache_clear()
    assert shown.exit_code == 0, shown.output
    rows = list(csv.DictReader(out.read_text().splitlines(keepends=True)))
    assert {row["lead_id"] for row in rows} == concerned
    for row in rows:
        assert (row["segment_before"], row["segment_after"]) == ("small_business", "mid_market")
        assert "segment" in row["differs"].split()
        assert "lead_segment 8: " in row["rules_before"]
        assert 'lead_segment 6: Employees >= 50 → segment "mid_market"' in row["rules_after"]
    assert f"{len(concerned)} are decided otherwise" in shown.output, "another reason is no other decision"
    assert f"{LEADS} leads are decided otherwise today than when they were routed" in shown.output
    assert "stand in" not in shown.output, "the timeline has what was known of each company"
    assert f"Decided otherwise: 1 of {len(rows)}" in shown.output
    assert "segment: small_business → mid_market" in shown.output
    table.write_bytes(b"\xff\xfe")
    refused = runner.invoke(app, ["whatif", str(table)])
    assert refused.exit_code == 1
    assert "not UTF-8" in refused.output
    missing = runner.invoke(app, ["whatif", str(tmp_path / "missing.dmn")])
    assert missing.exit_code == 1
    assert "can't be read: No such file" in missing.output


async def test_people_asked_more_and_what_a_table_cannot_decide_are_said(past: Settings) -> None:
    """A person decides each lead; and with no rule for small ones they have an SLA that the process can't read."""
    start = IN_USE.index(b'<rule id="response_sla_rule_9">')
    end = IN_USE.index(b"</rule>", start) + len(b"</rule>")
    table = (IN_USE[:start] + IN_USE[end:]).replace(b"<text>true</text>", b"<text>false</text>")
    found = await ask(past, table, last=LEADS, cases=LEADS)
    assert found.before.decided == LEADS
    assert sum(found.before.segments.values()) == LEADS
    assert found.before.without_people is not None
    assert found.before.without_people > 0.5
    assert found.after.without_people == 0
    (fault,) = found.faults
    assert fault.side == "after"
    assert "accept_sla" in fault.why
    assert 0 < fault.leads == LEADS - found.after.decided
    stopped = {case.lead_id for case in found.cases if case.differs == ["fault"]}
    assert len(stopped) == fault.leads
    assert set(fault.lead_ids) <= stopped
    asked = [case for case in found.cases if case.lead_id not in stopped]
    assert asked
    assert all((case.before.automatic, case.after.automatic) == (True, False) for case in asked)


async def test_more_time_to_answer_keeps_the_own_sla_and_wins_no_expected_conversion(
    past: Settings, pool: Pool
) -> None:
    """In time is measured by the table in use on both sides; each side's own SLA is not."""
    async with pool.connection() as connection:  # whoever is hot is answered after 15 minutes, where 10 or 20 are given
        await connection.execute("""
            UPDATE routing.leads SET score = score || '{"band": "hot"}', accepted_at = assigned_at + interval '15 min'
            WHERE lead->>'country' IN ('DE', 'AT', 'CH', 'GB')""")
    longer = IN_USE.replace(b"<text>10</text>", b"<text>480</text>").replace(b"<text>20</text>", b"<text>480</text>")
    found = await ask(past, longer, last=LEADS, cases=0)
    assert found.changed > 0
    assert found.before.sla_kept is not None
    assert found.after.sla_kept is not None
    assert found.after.sla_kept > found.before.sla_kept
    assert found.after.in_time == found.before.in_time
    assert found.after.expected_conversions == found.before.expected_conversions > 0


async def test_another_score_by_the_table_concerns_those_that_it_scored(past: Settings, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            'UPDATE routing.leads SET score = score || \'{"source": "table"}\' WHERE lead_id IN '
            "(SELECT lead_id FROM routing.leads WHERE lead->>'source' = 'referral' ORDER BY lead_id LIMIT 2)"
        )
        cursor = await connection.execute("SELECT lead_id FROM routing.leads WHERE score->>'source' = 'table' "
                                          "AND lead->>'source' = 'referral'")  # fmt: skip
        concerned = {row["lead_id"] for row in await cursor.fetchall()}
    assert concerned
    found = await ask(past, changed("<text>0.25</text>\n        </outputEntry>\n        <outputEntry id=\"fallback_points_rule_1_cell_8\">",
        "<text>0.05</text>\n        </outputEntry>\n        <outputEntry id=\"fallback_points_rule_1_cell_8\">", FALLBACK), last=LEADS, cases=LEADS)  # fmt: skip
    assert found.file == "lead_fallback_score"
    assert {case.lead_id for case in found.cases} == concerned
    assert all(case.differs[0] == "score" for case in found.cases)


@pytest.fixture(scope="module")
def apart() -> Iterator[ProcessPoolExecutor]:
    """A process with a JVM of its own, as each side of a replay is."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield process


def _parse(content: bytes) -> str:
    return parsed(DecisionEngine(Settings()), content).id


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"hello", "refuses"),
        (changed('<text>"US", "CA", "MX"</text>', "<text>((</text>"), "failed to parse expression"),
        (Path("dmn/follow_up_rules.dmn").read_bytes(), "This file is follow_up_rules"),
        (IN_USE.replace(b'id="routing_decision"', b'id="my_decision"'), "calls the decision routing_decision"),
        (b"<!DOCTYPE x [<!ENTITY y 'z'>]>" + IN_USE, "document type"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(apart: ProcessPoolExecutor, table: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        apart.submit(_parse, table).result()


async def test_without_leads_or_database_it_says_what_to_do(dsn: str) -> None:
    with pytest.raises(Refused, match="No lead was routed yet"):
        await ask(Settings.model_validate({"database_url": dsn}), IN_USE, last=1, cases=0)
    with pytest.raises(Unfinished, match="database can't be reached"):
        await ask(Settings.model_validate({"database_url": "postgresql://127.0.0.1:1/none"}), IN_USE, last=1, cases=0)
