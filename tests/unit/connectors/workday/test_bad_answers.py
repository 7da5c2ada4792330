"""What Workday answers when something is wrong: clear words, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulators.workday.door import Fault
from tests.simulators.workday.serving import Simulated
from tests.simulators.workday.tenant import ABSENCES, WORKERS, Report
from tests.unit.connectors.workday.conftest import Office, settings_of
from workers.connectors.answers import SystemDown, SystemPause, SystemRefused
from workers.connectors.roster.values import Roster
from workers.connectors.workday import making

Team = Callable[[int], None]


async def read(simulated: Simulated, **settings: object) -> Roster:
    given = settings_of(simulated, **settings)
    client = making.client(given)
    try:
        return await making.people(given, client).read()
    finally:
        await client.close()


PAGE, HOST = "a web page instead of a report", "FAIRLEAD_WORKDAY__BASE_URL"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("html", SystemDown, PAGE),
        ("html as json", SystemDown, PAGE),
        ("redirect", SystemDown, HOST),
        ("half", SystemDown, "breaks off after"),
        ("array", SystemDown, "no list Report_Entry"),
        ("no entries", SystemDown, "no list Report_Entry"),
        ("entry", SystemDown, "no list Report_Entry"),
        ("silent", SystemDown, "FAIRLEAD_WORKDAY__SECONDS"),
        ("stalls", SystemDown, "had not sent all of the report"),
        ("401", SystemPause, "refuses the log-in"),
        ("429", SystemPause, "asks for a pause"),
        ("429 later", SystemPause, "asks for a pause"),
        ("503 later", SystemPause, "asks for a pause"),
        ("500", SystemDown, "could not run the report"),
        ("502", SystemDown, "could not run the report"),
    ],
)
async def test_an_answer_that_is_no_report(
    simulated: Simulated, team: Team, fault: Fault, kind: type[Exception], words: str
) -> None:
    team(4)
    simulated.door.faults = [None, fault]  # the report on workers went well before
    with pytest.raises(kind, match=words) as raised:
        await read(simulated, seconds=1.0 if fault in {"silent", "stalls"} else 30.0)
    if isinstance(raised.value, SystemPause):
        assert raised.value.retry_after == {"401": 60, "429": 10, "429 later": 40, "503 later": 20}[fault]


async def test_half_a_report_changes_nothing(office: Office, team: Team) -> None:
    team(4)
    before = await office.everything()
    office.simulated.door.faults = ["half"]
    with pytest.raises(SystemDown, match=r"breaks off after \d rows; nothing of it is used"):
        await office.take()
    assert await office.everything() == before


@pytest.mark.parametrize(
    ("report", "wrong", "words"),
    [
        (WORKERS, {"shared": False}, "Share it with the user"),
        (ABSENCES, {"prompts": {"From_Moment": True}}, "needs the prompt From_Moment"),
    ],
)
async def test_a_report_that_may_not_be_run_so(
    simulated: Simulated, team: Team, report: str, wrong: dict[str, object], words: str
) -> None:
    team(2)
    for name, value in wrong.items():
        setattr(simulated.tenant.reports[report], name, value)
    with pytest.raises(SystemRefused, match=words):
        await read(simulated)


async def test_a_report_that_is_not_there(simulated: Simulated) -> None:
    with pytest.raises(SystemRefused, match="enabled as a web service"):
        await read(simulated, workers_report="lmcneil/Others")


async def test_a_required_column_that_is_missing_is_named_with_what_is_there(simulated: Simulated, team: Team) -> None:
    team(2)
    for row in simulated.tenant.workers:
        row["Email"] = row.pop("Work_Email")
    with pytest.raises(SystemRefused, match=r"lacks Work_Email \(email\).*it has Email, Employee_ID"):
        await read(simulated)


async def test_a_report_with_500_unknown_columns_is_read_and_they_are_not_kept(simulated: Simulated) -> None:
    more = {f"Column_{number}": "x" for number in range(500)}
    simulated.tenant.hire("1", "Maria Costa", Manager_group=[{"Employee_ID": "9", "Level": 3}], **more)
    client = making.client(settings_of(simulated))
    found = await client.report(WORKERS, {}, ["Full_Name", "Manager_group.Employee_ID"])
    await client.close()
    assert found.rows == ({"Full_Name": ("Maria Costa",), "Manager_group.Employee_ID": ("9",)},)
    assert len(found.columns) > 500


async def test_a_report_that_is_too_large_is_refused_before_it_is_whole(simulated: Simulated, team: Team) -> None:
    team(50)
    with pytest.raises(SystemRefused, match="FAIRLEAD_WORKDAY__MAX_BYTES"):
        await read(simulated, max_bytes=2_000)


async def test_prompts_are_given_and_names_are_quoted(simulated: Simulated) -> None:
    simulated.tenant.reports["o/Sales_Team"] = Report(("A",), [{"A": 1.5}, {"A": True}], {"Org!WID": True})
    client = making.client(settings_of(simulated))
    found = await client.report("o/Sales Team", {"Org!WID": "a b"}, ["A"])
    await client.close()
    assert found.rows == ({"A": ("1.5",)}, {"A": ("1",)})


async def test_a_token_that_ends_between_two_reports_is_renewed_once(simulated: Simulated, team: Team) -> None:
    team(2)
    simulated.door.lasts = 1
    oauth: dict[str, Any] = {
        "username": None,
        "password": None,
        "client_id": "client",
        "client_secret": "client-secret",
    }
    assert (await read(simulated, **oauth, refresh_token="refresh")).workers
    assert sum(one.startswith("POST") for one in simulated.door.asked) == 2
    simulated.door.lasts = 0
    with pytest.raises(SystemPause, match="refuses the log-in"):
        await read(simulated, **oauth, refresh_token="refresh")
    with pytest.raises(SystemPause, match=r"refuses to renew the token \(invalid_grant\)"):
        await read(simulated, **oauth, refresh_token="taken back")


def test_half_a_log_in_is_refused_by_the_settings(simulated: Simulated) -> None:
    with pytest.raises(ValueError, match="either USERNAME and PASSWORD"):
        settings_of(simulated, password=None)
    with pytest.raises(ValueError, match="owner/report"):
        settings_of(simulated, workers_report="https://host/owner/report")
