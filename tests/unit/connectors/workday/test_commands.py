"""`fairlead connect check`, `import` and `report` of Workday, as docs/connect-workday.md has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from tests.simulators.workday.serving import Simulated
from tests.simulators.workday.tenant import ABSENCES, WORKERS
from workers.__main__ import build
from workers.settings import get_settings

Run = Callable[..., Result]


@pytest.fixture
def run(simulated: Simulated, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name, value in {
        "FAIRLEAD_DATABASE_URL": dsn,
        "FAIRLEAD_WORKDAY__BASE_URL": simulated.url,
        "FAIRLEAD_WORKDAY__TRUSTED_HOSTS": '["127.0.0.1"]',
        "FAIRLEAD_WORKDAY__TENANT": "acme",
        "FAIRLEAD_WORKDAY__USERNAME": simulated.door.username,
        "FAIRLEAD_WORKDAY__PASSWORD": simulated.door.password,
        "FAIRLEAD_WORKDAY__WORKERS_REPORT": WORKERS,
        "FAIRLEAD_WORKDAY__ABSENCES_REPORT": ABSENCES,
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield lambda *given: CliRunner().invoke(build(["connect"]), ["connect", *given])
    get_settings.cache_clear()


@pytest.fixture
def people(simulated: Simulated) -> None:
    simulated.tenant.hire("1", "Maria Costa", Cost_Center="12")
    simulated.tenant.hire("2", "Ana Ruiz", "1", Languages=("Spanish", "Klingon"))
    simulated.tenant.absences.append({"Employee_ID": "2", "First_Day": "2026-12-01"})


@pytest.mark.usefixtures("people")
def test_the_guide(run: Run, simulated: Simulated) -> None:
    checked = run("check", "workday", "--json")
    assert checked.exit_code == 0, checked.output
    for part in (
        "ISU_Fairlead may log in",
        "2 rows",
        "Cost_Center",
        "name; in 2 of 2 rows",
        "in no row",
        "does not translate",
    ):
        assert part in checked.output
    dry = run("import", "workday", "--dry-run").output
    assert "Nothing was changed" in dry
    assert "taken up (new rep 2)" in dry
    done = run("import", "workday")
    assert (done.exit_code, "2 taken up" in done.output) == (0, True), done.output
    [told] = json.loads(run("report", "workday", "--json").output)
    assert {one["record_id"] for one in told["differences"]} == {"1", "2", "2 absences"}
    assert "example.com" not in run("report", "workday").output
    simulated.tenant.worker("2")["Termination_Date"] = str(datetime.now(UTC).date() - timedelta(days=1))
    refused = run("import", "workday")
    assert refused.exit_code == 1
    assert "50 % of 2 people" in " ".join(refused.output.split())
    assert "refused" in run("import", "workday", "--dry-run").output
    assert "1 taken away" in run("import", "workday", "--force").output


@pytest.mark.usefixtures("people")
def test_what_is_wrong_is_told_by_the_check_with_what_to_do(run: Run, simulated: Simulated) -> None:
    simulated.tenant.reports[ABSENCES].shared = False
    simulated.tenant.worker("1")["Manager_ID"] = "2"
    found = json.loads((text := run("check", "workday", "--json").output)[: text.rindex("]") + 1])
    wrong = {one["what"]: one["said"] for one in found if one["state"] == "wrong"}
    assert wrong.keys() == {ABSENCES, "workers"}
    assert "in a circle" in wrong["workers"]
    simulated.door.password = "another"
    locked = run("check", "workday")
    assert (locked.exit_code, "refuses the log-in" in locked.output) == (1, True)


def test_options_that_do_not_fit(run: Run) -> None:
    assert run("import", "workday", "--route").exit_code == 2
    assert run("import", "hubspot", "--force").exit_code == 2
