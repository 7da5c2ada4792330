"""Serves a simulated tenant with a small sales team: `python -m tests.simulators.workday --port 8400`.

With `--leaves ID` that worker's last day was yesterday, with `--fault` the next report fails so.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import get_args

import uvicorn

from tests.simulators.workday.app import create_app
from tests.simulators.workday.door import Door, Fault
from tests.simulators.workday.tenant import Tenant

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=8400)
parser.add_argument("--tenant", default=Tenant.name)
parser.add_argument("--username", default=Door.username)
parser.add_argument("--password", default=Door.password)
parser.add_argument("--leaves", action="append", default=[], help="An Employee_ID.")
parser.add_argument("--fault", action="append", default=[], choices=get_args(Fault))
given = parser.parse_args()
tenant = Tenant(given.tenant)
today = datetime.now(UTC).date()
team = {"Sales_Territory": "iberia", "Job_Family": "Sales"}
tenant.hire("21001", "Maria Costa", Job_Family="Sales Management")
tenant.hire("21002", "Ana Ruiz", "21001", **team, Languages=("Spanish", "English"), Skills=("enterprise",))
tenant.hire(
    "21003", "Ben Soto", "21001", **team, Languages=("Spanish",), Hire_Date=f"{today - timedelta(days=20)}-08:00"
)
tenant.hire("21004", "Carla Vidal", "21001", **team, Languages=("Catalan", "Spanish"))
tenant.hire("21005", "Dani Mora", "21001", **team)
tenant.hire("21006", "Eva Prat", "21001", **team, Work_Email="")
for employee_id in given.leaves:
    tenant.worker(employee_id)["Termination_Date"] = f"{today - timedelta(days=1)}"
away = {"First_Day": f"{today}", "Last_Day": f"{today + timedelta(days=6)}"}
tenant.absences.append({"Employee_ID": "21002", **away, "Substitute_ID": "21003"})
door = Door(username=given.username, password=given.password, faults=given.fault)
uvicorn.run(create_app(tenant, door), host="127.0.0.1", port=given.port, log_level="warning")
