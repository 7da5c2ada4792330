"""A simulated tenant: reports with their rows, who may run them, and which prompts they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

WORKERS = "lmcneil/Fairlead_Workers"
ABSENCES = "lmcneil/Fairlead_Absences"


@dataclass
class Report:
    """A custom report that is enabled as a web service."""

    columns: tuple[str, ...]
    """XML aliases."""
    rows: list[Json] = field(default_factory=list)
    prompts: dict[str, bool] = field(default_factory=dict)
    """Name, and whether it must be given."""
    shared: bool = True
    """With our user."""

    def shown(self) -> Json:
        """As JSON: what is empty is not there."""
        return {"Report_Entry": [_entry(row) for row in self.rows]}


@dataclass
class Tenant:
    name: str = "acme"
    reports: dict[str, Report] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reports.setdefault(
            WORKERS,
            Report(
                (
                    *("Employee_ID", "Full_Name", "Work_Email", "Manager_ID", "Hire_Date", "Termination_Date"),
                    *("Sales_Territory", "Quota_Unit", "Languages", "Skills", "Job_Family"),
                )
            ),
        )
        self.reports.setdefault(ABSENCES, Report(("Employee_ID", "First_Day", "Last_Day", "Substitute_ID")))

    @property
    def workers(self) -> list[Json]:
        return self.reports[WORKERS].rows

    @property
    def absences(self) -> list[Json]:
        return self.reports[ABSENCES].rows

    def hire(self, employee_id: str, name: str, manager: str = "", **more: Any) -> Json:
        """A worker; `more` are columns."""
        first = name.split(maxsplit=1)[0].casefold()
        row = {
            "Employee_ID": employee_id,
            "Full_Name": name,
            "Work_Email": f"{first}@example.com",
            "Manager_ID": manager,
            "Hire_Date": "2020-03-02",
            **more,
        }
        self.workers.append(row)
        return row

    def worker(self, employee_id: str) -> Json:
        return next(row for row in self.workers if row["Employee_ID"] == employee_id)


def _entry(row: Mapping[str, Any]) -> Json:
    found: Json = {}
    for name, value in row.items():
        if isinstance(value, bool):
            found[name] = "1" if value else "0"
        elif isinstance(value, tuple):
            found[name] = "; ".join(value)
        elif value not in {"", None} if not isinstance(value, list | dict) else value:
            found[name] = value
    return found
