"""Cases of the tables of attention: values, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

CASE: Given = {
    "process": "lead_routing", "segment": "small_business", "band": "warm", "risk": 0.1, "mostly_gone": False,
    "minutes_left": 60, "waits_for": "person",
}  # fmt: skip


def case(**values: object) -> Given:
    """An open case, with the fields of `OpenCase`."""
    return {"open_case": CASE | values}


GREAT: Given = {"segment": "strategic"}
UNKNOWN: Given = {"segment": None, "band": None, "risk": None}

CASES: dict[str, list[tuple[Given, str, object]]] = {
    "case_worth": [
        (case(segment="strategic", band="cold"), "worth", 5),
        (case(segment="enterprise", band="hot"), "worth", 4),
        (case(segment="enterprise", band="cold"), "worth", 3),
        (case(band="hot"), "worth", 3),
        (case(segment="mid_market"), "worth", 2),
        (case(**UNKNOWN, process="quota_approval"), "worth", 3),
        (case(), "worth", 1),
        (case(**UNKNOWN, process="follow_up"), "worth", 1),
    ],
    "attention_level": [
        (case(minutes_left=0, risk=1.0), "tell", "nobody"),
        (case(minutes_left=-30, risk=None), "level", "soon"),
        (case(risk=0.6, **GREAT), "tell", "manager"),
        (case(risk=0.6, waits_for="group"), "tell", "sales_ops"),
        (case(risk=0.6), "tell", "person"),
        (case(risk=0.59, **GREAT), "tell", "person"),
        (case(risk=0.59), "level", "soon"),
        (case(risk=0.3), "tell", "nobody"),
        (case(risk=0.29, **GREAT), "level", "watch"),
        (case(risk=0.29), "level", "none"),
        (case(risk=0.14, **GREAT), "level", "none"),
        (case(**UNKNOWN | GREAT, mostly_gone=True), "level", "act"),
        (case(**UNKNOWN, mostly_gone=True), "level", "soon"),
        (case(**UNKNOWN), "level", "none"),
        # A prediction says more than the rule.
        (case(mostly_gone=True), "level", "none"),
    ],
}
