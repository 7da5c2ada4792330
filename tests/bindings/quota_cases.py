"""Cases of the decision tables of quota approval: values, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

PLAN: Given = {
    "gap": 0, "without_territory": 0, "left": 0, "left_out": 0, "stretch": 0.25, "low_odds": 0.3, "high_odds": 0.3,
    "calibrated": True,
}  # fmt: skip
"""A plan at every limit, that just holds."""
QUOTA: Given = {
    "parent": "T1", "broken": 0, "adjusted": False, "objected": False, "change": 0.25, "odds": 0.25,
    "share_of_total": 0.3,
}  # fmt: skip
"""A quota at every limit, that just needs nobody."""
ADJUSTMENT: Given = {"published": True, "adjustments": 3, "days_since": 30, "change_percent": 10, "concerned": 1}
"""One that is just allowed."""


def plan(**facts: object) -> Given:
    """What the rules of validation read."""
    return {"plan": PLAN | facts}


def quota(**facts: object) -> Given:
    """What decides whose approval a quota needs."""
    return {"quota_fact": QUOTA | facts}


def adjustment(**facts: object) -> Given:
    """What decides whether quotas are set anew within a period."""
    return {"adjustment": ADJUSTMENT | facts}


CASES: dict[str, list[tuple[Given, str, object]]] = {
    "quota_findings": [
        (plan(gap=1, calibrated=False), "severity", [3, 1]),
        (plan(without_territory=1, left=1, left_out=1), "severity", [2, 2, 2]),
        (plan(stretch=0.3, low_odds=0.4), "severity", [2, 2]),
        (plan(stretch=-0.3, high_odds=0.4), "severity", [1, 1]),
    ],
    "quota_validation": [
        (plan(), "action", "go_on"),
        (plan(), "text", ""),
        (plan(gap=1), "text", "- The quotas do not add up: 1 cents differ."),
        (plan(gap=1), "action", "ask"),
        (plan(without_territory=2), "text", "- 2 reps have no territory with a forecast."),
        (plan(left=1), "action", "ask"),
        (plan(left_out=3), "text", "- 3 rows of the input could not be used."),
        (plan(stretch=0.26), "action", "ask"),
        (plan(stretch=-0.26), "action", "go_on"),
        (plan(stretch=-0.26), "text", "- The target is more than a quarter below what can be expected."),
        (plan(low_odds=0.31), "action", "ask"),
        (plan(high_odds=0.31), "action", "go_on"),
        (plan(calibrated=False), "action", "go_on"),
        (plan(calibrated=False, left=1), "action", "ask"),
    ],
    "quota_level": [
        (quota(), "level", "none"),
        (quota(change=None), "level", "none"),
        (quota(change=0.26), "level", "manager"),
        (quota(change=-0.26), "level", "manager"),
        (quota(change=0.35), "level", "manager"),
        (quota(change=0.36), "level", "director"),
        (quota(change=-0.5), "level", "director"),
        (quota(change=0.51), "level", "finance"),
        (quota(odds=0.24), "level", "manager"),
        (quota(odds=0.14), "level", "director"),
        (quota(odds=0.8), "level", "none"),
        (quota(odds=0.81), "level", "manager"),
        (quota(adjusted=True), "level", "manager"),
        (quota(adjusted=True), "why", "A person set it."),
        (quota(objected=True), "level", "director"),
        (quota(broken=1), "level", "director"),
        (quota(parent=""), "level", "finance"),
    ],
    "quota_concern": [
        ({"source": "forecast"}, "least_percent", 10),
        ({"source": "territories"}, "least_percent", 10),
    ],
    "quota_adjustment": [
        (adjustment(), "allowed", True),
        (adjustment(published=False), "allowed", False),
        (adjustment(concerned=0), "allowed", False),
        (adjustment(adjustments=4), "allowed", False),
        (adjustment(days_since=29.9), "allowed", False),
        (adjustment(change_percent=9.9), "why", "Forecast or territory changed by less than 10 %."),
    ],
}
