"""Cases of self-healing's table: a trouble, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

TROUBLE: Given = {
    "symptom": "incident", "process": "lead_routing", "task": "write_owner", "error_class": "transient", "about": "",
    "others_done": False, "deployed_since": False, "attempts": 0, "age_minutes": 0, "value": 0,
}  # fmt: skip


def trouble(symptom: str = "incident", **changed: object) -> Given:
    return {"trouble": TROUBLE | {"symptom": symptom} | changed}


def letter(channel: str, error_class: str = "transient", attempts: int = 0) -> Given:
    return trouble("dead_letter", task=channel, error_class=error_class, attempts=attempts)


CASES: dict[str, list[tuple[Given, str, object]]] = {
    "healing_rule": [
        (trouble(), "rule", "transient-incident"),
        (trouble(), "action", "retry"),
        (trouble(), "waits_for", "engine"),
        *((trouble(attempts=tried), "pause", pause) for tried, pause in enumerate([20, 40, 80, 120, 120])),
        (trouble(attempts=6), "rule", "transient-incident"),
        (trouble(attempts=6), "per_case", 6),
        (trouble(attempts=6, others_done=True), "rule", "transient-incident-again"),
        (trouble(attempts=5, others_done=True), "rule", "transient-incident"),
        (trouble(about="crm"), "rule", "crm-incident"),
        (trouble(about="crm"), "waits_for", "crm"),
        (trouble(about="erp"), "rule", "transient-incident"),
        (trouble(error_class="permanent"), "action", "none"),
        (trouble(error_class="permanent", others_done=True), "action", "none"),
        (trouble(error_class="permanent", deployed_since=True), "rule", "deployed-incident"),
        (trouble(error_class="engine", deployed_since=True), "rule", "deployed-incident"),
        (trouble(error_class="defect", deployed_since=True), "action", "none"),
        (trouble(error_class="poison", deployed_since=True, others_done=True), "action", "none"),
        (letter("crm.lead"), "rule", "transient-crm"),
        (letter("crm.lead"), "action", "send_again"),
        (letter("mail"), "action", "send_late"),
        (letter("zeebe.message"), "rule", "transient-message"),
        (letter("of.any.other.context"), "rule", "transient-delivery"),
        (letter("of.any.other.context"), "waits_for", None),
        *((letter("mail", attempts=tried), "pause", pause) for tried, pause in enumerate([60, 120, 240, 300])),
        *((letter(channel, "permanent"), "action", "none") for channel in ("crm.lead", "mail", "zeebe.message", "x")),
        (trouble("outbox_waits", error_class="", others_done=True), "action", "send_now"),
        (trouble("outbox_waits", error_class=""), "action", "wait"),
        (trouble("lost_back_off", error_class=""), "action", "renew_job"),
        *((trouble("lost_back_off", attempts=tried), "pause", pause) for tried, pause in enumerate([60, 120, 240])),
        (trouble("lead_not_begun", error_class=""), "action", "start_again"),
        (trouble("owner_left", error_class=""), "rule", "owner-left"),
        (trouble("owner_left", error_class=""), "action", "reroute"),
        (trouble("owner_absent", error_class=""), "rule", "owner-absent"),
        (trouble("refused_by_owner", error_class="", value=2), "action", "wait"),
        (trouble("refused_by_owner", error_class="", value=3), "action", "reroute"),
        (trouble("refused_by_territory", error_class="", value=2), "action", "wait"),
        (trouble("refused_by_territory", error_class="", value=3), "per_case", 3),
        (trouble("scorer_misses", error_class="", value=3.9), "action", "wait"),
        (trouble("scorer_misses", error_class="", value=4), "action", "check_scorer"),
        (trouble("scorer_misses", error_class="", value=4), "pause", 0),
        (trouble("scorer_misses", error_class="", value=4, attempts=1), "pause", 86_400),
    ]
}
