"""A replay from the file to the answer: Camunda's own evaluation in the child process, a real database, no engine."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.what_if.conftest import LEADS
from workers.__main__ import build
from workers.runtime.database import Pool
from workers.settings import Settings, get_settings
from workers.what_if.asking import ask
from workers.what_if.errors import Refused, Unfinished

IN_USE = Path("dmn/lead_routing_rules.dmn").read_bytes()
FALLBACK = Path("dmn/lead_fallback_score.dmn").read_bytes()


def changed(before: str, after: str, content: bytes = IN_USE) -> bytes:
    """A file in which one text is another."""
    assert content.count(before.encode()) == 1, "the test's own change must still fit the table"
    return content.replace(before.encode(), after.encode())


async def test_the_table_in_use_changes_nothing(past: Settings) -> None:
    found = await ask(past, IN_USE, last=LEADS, cases=LEADS)
    assert (found.leads, found.changed, found.moved) == (LEADS, 0, 0)
    assert found.before == found.after
    assert found.before.decided == LEADS
    assert sum(found.before.segments.values()) == LEADS
    assert found.faults == []
    assert found.as_then == 0
    assert len(found.otherwise_then) == 20
    assert found.from_the_crm_now == 0


async def test_a_changed_rule_changes_exactly_its_leads(past: Settings, pool: Pool) -> None:
    async with pool.connection() as connection:
        cursor = await connection.execute("""
            SELECT l.lead_id FROM routing.leads l LEFT JOIN crm.accounts a ON a.id = l.account_id
            WHERE coalesce(a.employees, (l.lead->>'employees')::int) BETWEEN 50 AND 99
              AND coalesce(a.annual_revenue_eur, 0) < 20000000""")
        concerned = {row["lead_id"] for row in await cursor.fetchall()}
    assert concerned, "the seed gives such leads"
    table = changed("<text>&gt;= 100</text>", "<text>&gt;= 50</text>")
    found = await ask(past, table, last=LEADS, cases=LEADS)
    assert {case.lead_id for case in found.cases} == concerned
    assert found.changed == len(concerned)
    for case in found.cases:
        assert "segment" in case.differs
        assert (case.before.segment, case.after.segment) == ("small_business", "mid_market")
        hits = {hit.decision: hit for hit in case.hits_before}, {hit.decision: hit for hit in case.hits_after}
        assert (hits[0]["lead_segment"].rule, hits[1]["lead_segment"].rule) == (8, 6)
        assert hits[1]["lead_segment"].text.startswith('Employees >= 50 → segment "mid_market"')
    gained = found.after.segments["mid_market"] - found.before.segments["mid_market"]
    assert gained == len(concerned)


async def test_people_asked_less_are_seen_in_the_share_without_them(past: Settings) -> None:
    table = changed('<text>"A person decides: no territory covers this country"</text>', '<text>"x"</text>')
    found = await ask(past, table, last=LEADS, cases=LEADS)
    assert found.changed == 0, "another reason is no other decision"
    asks_all = IN_USE.replace(b"<text>true</text>", b"<text>false</text>")
    found = await ask(past, asks_all, last=LEADS, cases=0)
    assert found.before.without_people is not None
    assert found.before.without_people > 0.5
    assert found.after.without_people == 0
    assert found.cases == []
    assert found.changed > LEADS / 2


async def test_another_time_to_answer_moves_no_expected_conversion(past: Settings) -> None:
    """In time is measured by the table in use on both sides; each side's own SLA is not."""
    hurried = IN_USE.replace(b"<text>10</text>", b"<text>1</text>").replace(b"<text>20</text>", b"<text>1</text>")
    found = await ask(past, hurried, last=LEADS, cases=0)
    assert found.changed > 0
    assert (found.after.sla_kept or 0) < (found.before.sla_kept or 0)
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


async def test_what_a_table_cannot_decide_is_said_with_the_leads(past: Settings) -> None:
    """No rule for unknown sizes: no segment, and an SLA that the process can't read."""
    start = IN_USE.index(b'<rule id="response_sla_rule_9">')
    end = IN_USE.index(b"</rule>", start) + len(b"</rule>")
    found = await ask(past, IN_USE[:start] + IN_USE[end:], last=LEADS, cases=LEADS)
    (fault,) = found.faults
    assert fault.side == "after"
    assert "accept_sla" in fault.why
    assert set(fault.lead_ids) <= {case.lead_id for case in found.cases}
    assert all(case.differs == ["fault"] for case in found.cases)
    assert fault.leads == found.changed == found.leads - found.after.decided


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"hello", "refuses"),
        (b"\xff\xfe", "UTF-8"),
        (changed('<text>"US", "CA", "MX"</text>', "<text>((</text>"), "failed to parse expression"),
        (Path("dmn/follow_up_rules.dmn").read_bytes(), "This file is follow_up_rules"),
        (IN_USE.replace(b'id="routing_decision"', b'id="my_decision"'), "calls the decision routing_decision"),
        (b"<!DOCTYPE x [<!ENTITY y 'z'>]>" + IN_USE, "document type"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_in_words(past: Settings, table: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words.replace("(", r"\(")):
        await ask(past, table, last=1, cases=0)


async def test_without_leads_or_database_it_says_what_to_do(dsn: str) -> None:
    with pytest.raises(Refused, match="No lead was routed yet"):
        await ask(Settings.model_validate({"database_url": dsn}), IN_USE, last=1, cases=0)
    with pytest.raises(Unfinished, match="database can't be reached"):
        await ask(Settings.model_validate({"database_url": "postgresql://127.0.0.1:1/none"}), IN_USE, last=1, cases=0)


def test_the_command_writes_all_cases_and_shows_some(
    past: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", past.dsn)
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    table, out = tmp_path / "changed.dmn", tmp_path / "cases.csv"
    table.write_bytes(changed("<text>&gt;= 100</text>", "<text>&gt;= 50</text>"))
    runner, app = CliRunner(), build(["whatif"])
    shown = runner.invoke(app, ["whatif", str(table), "--last", str(LEADS), "--cases", "1", "--out", str(out)])
    get_settings.cache_clear()
    assert shown.exit_code == 0, shown.output
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows
    assert {row["segment_after"] for row in rows} == {"mid_market"}
    assert f"Decided otherwise: 1 of {len(rows)}" in shown.output
    assert "segment: small_business → mid_market" in shown.output
    table.write_bytes(b"no table")
    refused = runner.invoke(app, ["whatif", str(table)])
    assert refused.exit_code == 1
    assert "engine refuses" in refused.output
