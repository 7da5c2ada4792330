"""Cases of the decision tables of territory alignment: values, the output that is looked at, and what it is."""

from __future__ import annotations

from typing import Any

Given = dict[str, Any]  # Any: JSON

COLLECTED: Given = {"usable": True, "unknown_reps": [], "share_left_out": 0.0, "rules_left_out": 0}
CHANGES: Given = {
    "changed": 40, "live": False, "changed_share": 0.05, "potential_share": 0.05, "key_accounts_moved": 0, "gap": 0.1,
}  # fmt: skip
RELEASE: Given = CHANGES | {"refusals": 0, "edits": 0, "unseen": 0}


def collected(**values: object) -> Given:
    """What decides whether territories can be planned."""
    return {"collected": COLLECTED | values}


def changes(**values: object) -> Given:
    """What decides whether managers look at a plan; at every limit."""
    return {"change_facts": CHANGES | values}


def version(**values: object) -> Given:
    """A version that waits for approval; at every limit but that of finance."""
    return {"release_facts": RELEASE | values}


CASES: dict[str, list[tuple[Given, str, object]]] = {
    "territory_data_verdict": [
        (collected(), "action", "go_on"),
        (collected(share_left_out=0.02), "action", "go_on"),
        (collected(share_left_out=0.021), "action", "ask"),
        (collected(rules_left_out=1), "action", "ask"),
        (collected(unknown_reps=["R9", "R10"]), "why", "Who leaves or joins is not among the reps: R9, R10"),
        (collected(usable=False), "action", "ask"),
    ],
    "territory_look": [
        (changes(live=True), "review", False),
        (changes(live=True, changed_share=0.051), "review", True),
        (changes(live=True, potential_share=0.051), "review", True),
        (changes(live=True, key_accounts_moved=1), "review", True),
        (changes(live=True, gap=0.101), "review", True),
        (changes(live=True, gap=None), "review", True),
        (changes(), "review", True),
        (changes(changed=0, gap=None), "review", False),
    ],
    "territory_approval": [
        (version(live=True), "level", "none"),
        (version(live=True, changed_share=0.051), "level", "director"),
        (version(live=True, potential_share=0.051), "level", "director"),
        (version(), "level", "director"),
        (version(changed=0), "level", "none"),
        (version(changed=0, edits=1), "level", "director"),
        (version(live=True, unseen=1), "level", "director"),
        (version(live=True, gap=None), "level", "director"),
        (version(live=True, gap=0.101), "level", "director"),
        (version(live=True, key_accounts_moved=1), "level", "director"),
        (version(changed=0, refusals=1), "level", "director"),
        (version(potential_share=0.3), "level", "director"),
        (version(potential_share=0.301, refusals=1), "level", "finance"),
    ],
}
