"""The bank's leads through the full local stack: none lost, none assigned twice, capacity held."""

from __future__ import annotations

import asyncio
import csv
import gzip
import re
from pathlib import Path

import pytest

from tests.stack import reckoning
from tests.stack.office import Office

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

BANK = Path(__file__).parents[2].parent / "shared" / "data" / "bank_marketing_leads.csv.gz"
LEADS = 200
RATE = 8.0
TEAM = 6
ROOM = 25
"""Open leads that each of the team may hold: together fewer than come in, so that the limit is felt."""


@pytest.fixture
def oldest(tmp_path: Path) -> Path:
    """The oldest 60 % of the bank's leads, as a file."""
    if not BANK.exists():
        pytest.skip(f"the bank's leads ({BANK.name}) are not beside the project, in ../shared/data")
    with gzip.open(BANK, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    part = tmp_path / "oldest.csv"
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows[: 1 + (len(rows) - 1) * 6 // 10])
    return part


async def team_of_the_bank(office: Office) -> None:
    """Only `TEAM` people serve the bank's territory, each with little room."""
    await office.run("UPDATE routing.reps SET territories = array_remove(territories, 'southern_europe')")
    await office.run(
        """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours, languages,
            skills, weight, daily_capacity, open_capacity)
        SELECT 'bank-' || n, 'Bank Rep ' || n, 'bank-' || n || '@fairlead.example', 'bank-' || n, '{southern_europe}',
            timezone, holidays, working_hours, '{pt,en}', skills, 1 + n %% 2, 500, %s
        FROM routing.reps, generate_series(1, %s) n WHERE id = 'rep-desk-dublin-1'""",
        ROOM,
        TEAM,
    )


async def test_the_bank_replay(office: Office, oldest: Path) -> None:
    fairlead = office.stack.fairlead
    trained = await asyncio.to_thread(
        fairlead, "scorer", "train", "--data", str(oldest), "--schema", "bank_marketing", within=300
    )
    assert trained.returncode == 0, trained.stderr
    version = trained.stdout.split(":")[0]
    await team_of_the_bank(office)

    options = ("--mapping", "bank_marketing", "--limit", str(LEADS), "--rate", str(RATE))
    sent = await asyncio.to_thread(fairlead, "leads", "replay", str(BANK), *options, within=600)
    assert sent.returncode == 0, sent.stderr
    assert f"{LEADS} sent: {LEADS} accepted" in sent.stdout
    mine = "SELECT * FROM routing.leads WHERE source = 'bank_marketing'"
    leads = await office.rows(mine)
    assert len(leads) == LEADS
    await office.quiet([lead["lead_id"] for lead in leads], within=240)

    assert await reckoning.at_rest(office, within=240) == []
    leads = await office.rows(mine)
    states = reckoning.by_state(leads)
    assert states.keys() <= {"assigned", "queued"}, states
    assert states["assigned"] == TEAM * ROOM, "all room is used, and no more"
    assert {lead["score"]["model_version"] for lead in leads if lead["score"]} == {version}

    again = await asyncio.to_thread(fairlead, "leads", "replay", str(BANK), *options, within=600)
    assert re.search(rf"{LEADS} sent: 0 accepted, {LEADS} were there before", again.stdout), again.stdout
    assert len(await office.rows(mine)) == LEADS
