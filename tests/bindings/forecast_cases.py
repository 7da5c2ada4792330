"""Cases of the decision tables of forecast review: values, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

HEALTH: Given = {
    "under_way": False, "due": False, "news": True, "months": 3, "change_percent": 15, "error_ratio": 1.5,
    "worse_share": 0.4, "cover80": 60, "new_months": 2,
}  # fmt: skip
"""A forecast at every limit, that just holds."""


def health(**changed: object) -> Given:
    return {"health": HEALTH | changed}


UNKNOWN = dict.fromkeys(("change_percent", "error_ratio", "worse_share", "cover80"))
"""Nothing was published that could be judged."""

FINDINGS: Given = {
    "errors": 0,
    "warnings": 0,
    "repairable": 0,
    "late_series": 0,
    "share_fresh": 0.0,
    "share_repairable": 0.0,
}
FACTS: Given = {
    "segment": "r0/s0", "level": "shop", "share": 0.1, "uncertainty": 0.05, "change": None, "surprise": None,
    "mase": 0.8, "override_bias": None, "findings": 0, "misses": 0, "months_known": 60,
}  # fmt: skip
RELEASE: Given = {
    "change_percent_to_former": 1.0, "change_percent_to_base": 0.0, "conflict_count": 0, "overrides": 0,
}  # fmt: skip


def found(*, series: int = 10, why: str | None = None, **findings: object) -> Given:
    """What the history verdict reads."""
    return {"findings": FINDINGS | findings, "history": {"series": series}, "history_why": why}


def segment(**facts: object) -> Given:
    """What decides whether a person looks at a segment."""
    return {"segment_facts": FACTS | facts}


def override(moved: float, share_of_total: float = 0.0) -> Given:
    """A person's change."""
    return {"override": {"moved": moved, "percent": 0.0, "share_of_total": share_of_total}}


def release(**facts: object) -> Given:
    """A version that waits for its release."""
    return {"release_facts": RELEASE | facts}


CASES: dict[str, list[tuple[Given, str, object]]] = {
    "history_verdict": [
        (found(), "action", "go_on"),
        (found(warnings=3, share_fresh=0.5), "action", "go_on"),
        (found(repairable=1), "action", "repair"),
        (found(repairable=1, errors=1), "action", "ask"),
        (found(share_fresh=0.51, repairable=9), "action", "ask"),
        (found(share_repairable=0.1, repairable=99), "action", "repair"),
        (found(share_repairable=0.11, repairable=99), "action", "ask"),
        (found(late_series=2, repairable=2), "action", "repair"),  # 20 %, exactly
        (found(late_series=3), "action", "ask"),
        (found(why="no model can be fitted"), "action", "ask"),
    ],
    "segment_materiality": [
        (segment(share=1.0), "points", 5),
        (segment(share=0.2), "points", 5),
        (segment(share=0.19), "points", 4),
        (segment(share=0.1), "points", 4),
        (segment(share=0.099), "points", 3),
        (segment(share=0.05), "points", 3),
        (segment(share=0.049), "points", 2),
        (segment(share=0.02), "points", 2),
        (segment(share=0.019), "points", 1),
        (segment(share=0.005), "points", 1),
        (segment(share=0.0049), "points", 0),
        (segment(share=-0.3), "points", 5),
    ],
    "segment_uncertainty": [
        (segment(uncertainty=None), "half_width", 0.3),
        (segment(uncertainty=None), "why", "nobody knows how sure the model is"),
        (segment(uncertainty=0.31), "half_width", 0.31),
        (segment(uncertainty=0.31), "why", "very unsure: ±30 % or more"),
        (segment(uncertainty=0.3), "why", "unsure: ±15 % or more"),
        (segment(uncertainty=0.15), "why", "fairly sure"),
        (segment(uncertainty=0.07), "why", "sure"),
    ],
    "segment_change": [
        (segment(), "times", 1),
        (segment(misses=2, change=0.5), "times", 1.5),
        (segment(misses=1), "times", 1.25),
        (segment(surprise=-0.11), "times", 1.25),
        (segment(surprise=0.1, change=-0.11), "times", 1.25),
        (segment(change=0.1), "times", 1.1),
        (segment(change=0.04), "times", 1),
    ],
    "segment_record": [
        (segment(), "times", 1),
        (segment(override_bias=-0.06), "times", 1.25),
        (segment(override_bias=0.05, findings=3), "times", 1.1),
        (segment(findings=2, mase=1.21), "why", "the model was often off"),
        (segment(mase=None), "times", 1),
        (segment(mase=1.2), "times", 1),
    ],
    "review_need": [
        (segment(share=0.1, misses=1), "reviewer_group", "sales-managers"),
        (segment(share=0.06, misses=1), "reviewer_group", "sales-ops"),
        (segment(share=0.06, misses=1), "review", True),
        (segment(share=0.01, mase=1.3), "review", False),
        (segment(share=0.06, misses=1), "priority", 3.75),
        (segment(share=0.0, misses=5), "review", False),
    ],
    "override_approval": [
        ({"override": None}, "level", "none"),
        (override(0.05, 0.005), "level", "none"),
        (override(0.051), "level", "manager"),
        (override(0.3), "level", "manager"),
        (override(0.31), "level", "director"),
        (override(0.01, 0.0051), "level", "director"),
        (override(0.01, 0.02), "level", "director"),
        (override(0.01, 0.021), "level", "finance"),
    ],
    "release_approval": [
        (release(), "level", "none"),
        (release(overrides=1), "level", "manager"),
        (release(conflict_count=1), "level", "manager"),
        (release(change_percent_to_former=-5.0), "level", "none"),
        (release(change_percent_to_former=5.1), "level", "director"),
        (release(change_percent_to_former=-10.1), "level", "finance"),
        (release(change_percent_to_former=None), "level", "director"),
        (release(change_percent_to_former=None, change_percent_to_base=-3.1), "level", "finance"),
    ],
    "forecast_health": [
        (health(), "", {"action": "rest", "reason": "", "why": "The forecast holds."}),
        (health(under_way=True, due=True, change_percent=90), "action", "rest"),
        (health(due=True, news=False, months=0, **UNKNOWN), "reason", "schedule"),
        (health(news=False, change_percent=90, error_ratio=9, new_months=9), "action", "rest"),
        (health(change_percent=90), "action", "review"),
        (health(change_percent=90), "reason", "large_change"),
        (health(new_months=0, months=0, **UNKNOWN), "action", "rest"),
    ],
    "forecast_signs": [
        (health(), "sign", "none"),
        (health(change_percent=-15), "sign", "none"),
        (health(change_percent=15.1, months=1), "sign", "large_change"),
        (health(change_percent=-15.1, months=1), "sign", "large_change"),
        (health(error_ratio=1.51), "sign", "drift"),
        (health(error_ratio=1.51, months=2), "sign", "none"),
        (health(worse_share=0.41), "sign", "drift"),
        (health(worse_share=0.41, months=2), "sign", "none"),
        (health(cover80=59.9), "sign", "drift"),
        (health(cover80=59.9, months=2), "sign", "none"),
        (health(new_months=3), "sign", "fresh_data"),
        (health(new_months=3, months=0, **UNKNOWN), "sign", "fresh_data"),
        (health(new_months=0, months=0, **UNKNOWN), "sign", "none"),
    ],
}
