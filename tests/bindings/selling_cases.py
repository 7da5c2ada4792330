"""Cases of the decision tables of follow-ups and of the ranking: values, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

PROMISE: Given = {"rep_active": True, "rep_away": False, "postponements": 2, "amount": 99_999, "channel": "call"}
"""A promise at every limit, that is a usual one."""


def promise(**changed: object) -> Given:
    return {"promise_facts": PROMISE | changed}


CELL: Given = {"cell": "…", "stage": "discover", "silent_days": 7, "decision_maker": True, "promised": False}


def cell(**changed: object) -> Given:
    return {"cell": CELL | changed}


def work(ratio: float | None, open_per_rep: float = 10) -> Given:
    return {"work_facts": {"cycle_ratio": ratio, "open_per_rep": open_per_rep}}


STAGES = ("qualify", "discover", "propose", "negotiate")
_BY_TABLE = {
    "qualify": (0.04, 0.12, 0.06),
    "discover": (0.07, 0.22, 0.12),
    "propose": (0.15, 0.42, 0.25),
    "negotiate": (0.27, 0.65, 0.45),
}
"""Silent, spoken to who decides, not."""

CASES: dict[str, list[tuple[Given, str, object]]] = {
    "follow_up_plan": [
        (promise(), "group", "sales-reps"),
        (promise(), "remind", 120),
        (promise(rep_active=False), "group", "sales-managers"),
        (promise(rep_active=False), "by_rep", False),
        (promise(rep_away=True), "group", "sales-managers"),
        (promise(postponements=3), "group", "sales-managers"),
        (promise(postponements=3), "give_up", 1020),
        (promise(amount=100_000), "escalate", 60),
        (promise(amount=100_000, postponements=3), "group", "sales-managers"),
        (promise(channel="visit"), "remind", 510),
        (promise(channel="meeting"), "remind", 510),
        (promise(channel="mail"), "escalate", 240),
    ],
    "next_action": [
        (cell(promised=True, stage="negotiate", silent_days=60), "minutes", 0),
        (cell(silent_days=60, stage="negotiate"), "action", "Ask whether it is still alive, else close it"),
        (cell(stage="negotiate", decision_maker=False), "minutes", 45),
        (cell(stage="negotiate", silent_days=0), "half_life", 5),
        (cell(stage="propose", decision_maker=False, silent_days=0), "minutes", 45),
        (cell(stage="propose", silent_days=7), "minutes", 30),
        (cell(stage="propose", silent_days=0), "action", "Mail: answer what they asked"),
        (cell(stage="discover", silent_days=21), "action", "Call: is the need still there?"),
        (cell(stage="discover", silent_days=7), "action", "Arrange a demonstration"),
        (cell(stage="qualify", silent_days=21), "minutes", 10),
        (cell(stage="qualify", silent_days=7), "half_life", 21),
    ],
    "working_order": [
        (work(1.26), "order", "customer_value"),
        (work(1.25), "order", "expected_value"),
        (work(1.11, 26), "order", "customer_value"),
        (work(1.11, 25), "order", "expected_value"),
        (work(1.1, 100), "order", "expected_value"),
        (work(None, 100), "order", "expected_value"),
    ],
    "win_by_table": [
        (cell(silent_days=60), "chance", 0.03),
        *[(cell(stage=stage, silent_days=21), "chance", _BY_TABLE[stage][0]) for stage in STAGES],
        *[(cell(stage=stage, decision_maker=True), "chance", _BY_TABLE[stage][1]) for stage in STAGES],
        *[(cell(stage=stage, decision_maker=False), "chance", _BY_TABLE[stage][2]) for stage in STAGES],
    ],
}
