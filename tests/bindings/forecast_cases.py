"""Cases of the forecast's decision tables: what is given, an output, and what it must be."""

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

CASES: dict[str, list[tuple[Given, str, object]]] = {
    "forecast_health": [
        (health(), "action", "rest"),
        (health(change_percent=-15), "action", "rest"),
        (health(under_way=True, due=True, change_percent=90), "action", "rest"),
        (health(due=True, news=False, months=0, **UNKNOWN), "reason", "schedule"),
        (health(news=False, change_percent=90, error_ratio=9, new_months=9), "action", "rest"),
        (health(change_percent=15.1, months=1), "reason", "large_change"),
        (health(change_percent=-15.1, months=1), "reason", "large_change"),
        (health(error_ratio=1.51), "reason", "drift"),
        (health(error_ratio=1.51, months=2), "action", "rest"),
        (health(worse_share=0.41), "reason", "drift"),
        (health(worse_share=0.41, months=2), "action", "rest"),
        (health(cover80=59.9), "reason", "drift"),
        (health(cover80=59.9, months=2), "action", "rest"),
        (health(new_months=3), "reason", "fresh_data"),
        (health(new_months=3, months=0, **UNKNOWN), "reason", "fresh_data"),
        (health(new_months=0, months=0, **UNKNOWN), "action", "rest"),
    ],
}
