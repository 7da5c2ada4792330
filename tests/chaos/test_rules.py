"""Would the checker notice? One true story, and for each rule a change of the evidence that breaks it, and only it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.scene import Scene, rules_of
from tests.process.building import open_building
from tests.process.house import House
from workers.chaos.checker.checking import RULES, check
from workers.chaos.checker.evidence import Engine, Evidence, Incident, Instance, Ledger, Mail, Step
from workers.engine.embedded import EmbeddedEngine

pytestmark = pytest.mark.slow

Row = dict[str, Any]


@dataclass
class Doctored:
    """The evidence, to be changed."""

    tables: dict[str, list[Row]]
    mails: list[Mail]
    instances: list[Instance]
    steps: list[Step]
    incidents: list[Incident]
    accepted: dict[str, str]
    withdrawn: set[str]

    @classmethod
    def of(cls, true: Evidence) -> Doctored:
        tables = {name: [dict(row) for row in copy.deepcopy(list(rows))] for name, rows in true.tables.items()}
        engine, ledger = true.engine, true.ledger
        return cls(
            tables,
            list(true.mails),
            list(engine.instances),
            list(engine.steps),
            list(engine.incidents),
            dict(ledger.accepted),
            set(ledger.withdrawn),
        )

    def evidence(self) -> Evidence:
        ledger = Ledger(self.accepted, frozenset({"refused", "withdrawn"}), frozenset(self.withdrawn))
        return Evidence(self.tables, self.mails, Engine(self.instances, self.steps, self.incidents), ledger)

    def one(self, table: str, **wanted: object) -> Row:
        """The first row with these values."""
        return next(row for row in self.tables[table] if all(row[name] == value for name, value in wanted.items()))

    def drop(self, table: str, **wanted: object) -> Row:
        """Take the first row with these values out."""
        row = self.one(table, **wanted)
        self.tables[table].remove(row)
        return row

    def twice(self, table: str, row: Row, **changed: object) -> None:
        """Put a changed copy of a row beside it."""
        self.tables[table].append(copy.deepcopy(row) | changed)

    def step(self, at: str, **changed: Any) -> None:
        """Change the first instance of an element."""
        index = next(i for i, step in enumerate(self.steps) if step.element_id == at)
        self.steps[index] = replace(self.steps[index], **changed)

    def lead(self, state: str) -> Row:
        return self.one("leads", state=state)


@pytest.fixture(scope="module")
def true_story(
    postgres: str,
    database_with_model: str,
    copy_database: Callable[[str], Iterator[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Evidence]:
    async def play(engine: EmbeddedEngine, dsn: str) -> Evidence:
        async with open_building(House, engine, dsn) as house:
            scene = Scene(house, 0.5, tmp_path_factory.mktemp("canary"))
            await scene.play()
            return await scene.evidence()

    for dsn in copy_database(database_with_model):
        with EmbeddedEngine() as engine:
            story = asyncio.run(play(engine, dsn))
        yield story


def _lost_lead(it: Doctored) -> None:
    it.accepted["lead-never-seen"] = "refused"


def _other_sender(it: Doctored) -> None:
    it.lead("accepted")["external_id"] = "withdrawn"


def _invented_lead(it: Doctored) -> None:
    it.twice("leads", it.lead("accepted"), lead_id="lead-x", external_id="nobody")


def _started_twice(it: Doctored) -> None:
    it.instances.append(replace(it.instances[0], key=1))


def _orphaned_instance(it: Doctored) -> None:
    it.instances.append(Instance(1, "lead-x", "ACTIVE"))


def _never_started(it: Doctored) -> None:
    it.instances.pop()


def _stuck(it: Doctored) -> None:
    it.lead("accepted")["state"] = "registered"


def _other_end(it: Doctored) -> None:
    it.step("lead_accepted", element_id="lead_merged")


def _no_task(it: Doctored) -> None:
    lead = it.lead("accepted")
    lead["state"] = "assigned"  # and the engine has no open task of it


def _unexplained(it: Doctored) -> None:
    it.incidents.append(Incident(it.instances[0].key, "assign_owner", "Defect in lead_routing.assign_owner: KeyError."))


def _effect_lost(it: Doctored) -> None:
    it.drop("effects", element_id="note_refusal")


def _effect_of_nobody(it: Doctored) -> None:
    row = it.one("effects", element_id="note_refusal")
    it.steps = [step for step in it.steps if step.key != row["element_instance_key"]]


def _effect_twice(it: Doctored) -> None:
    it.twice("effects", it.one("effects", element_id="confirm_acceptance"), loop_index="again")


def _job_left(it: Doctored) -> None:
    it.step("confirm_acceptance", state="ACTIVE")


def _orphaned_effect(it: Doctored) -> None:
    row = next(r for r in it.tables["effects"] if r["element_id"] == "notify_owner" and r["undone_at"] is None)
    index = next(i for i, step in enumerate(it.steps) if step.key == row["element_instance_key"])
    it.steps[index] = replace(it.steps[index], state="TERMINATED")


def _withdrawal_lost(it: Doctored) -> None:
    it.lead("withdrawn")["state"] = "assigned"


def _unfenced(it: Doctored) -> None:
    it.tables["closed"].clear()


def _withdrawal_invented(it: Doctored) -> None:
    it.withdrawn.clear()
    it.drop("timeline", action="withdrawal_asked")


def _outbox_left(it: Doctored) -> None:
    row = {"channel": "mail", "business_id": "lead-x", "external_id": "x", "tries": 3, "last_error": "away"}
    it.tables["outbox"].append(row)


def _message_lost(it: Doctored) -> None:
    it.drop("delivered", channel="zeebe.message")


def _change_lost(it: Doctored) -> None:
    change = it.tables["crm_log"][-1]["change_id"]
    it.tables["crm_log"] = [row for row in it.tables["crm_log"] if row["change_id"] != change]


def _change_invented(it: Doctored) -> None:
    it.twice("crm_log", it.tables["crm_log"][0], change_id="lead-x/write_owner/9/1")


def _change_twice(it: Doctored) -> None:
    it.twice("crm_log", it.tables["crm_log"][0])


def _written_twice(it: Doctored) -> None:
    it.tables["crm_leads"][0]["version"] += 1


def _crm_differs(it: Doctored) -> None:
    it.one("crm_leads", status="accepted")["owner_id"] = "mona"


def _mail_lost(it: Doctored) -> None:
    it.mails.pop()


def _mail_invented(it: Doctored) -> None:
    it.mails.append(replace(it.mails[0], message_id="<x@example.com>"))


def _mail_differs(it: Doctored) -> None:
    it.mails.append(replace(it.mails[0], text="something else"))


def _told_twice(it: Doctored) -> None:
    mail = next(mail for mail in it.mails if mail.subject.startswith("New lead"))
    it.mails.append(replace(mail, message_id="<x@example.com>"))


def _told_wrong(it: Doctored) -> None:
    index = next(i for i, mail in enumerate(it.mails) if mail.subject.startswith("No longer"))
    it.mails[index] = replace(it.mails[index], to="mona@fairlead.example")


def _undo_missing(it: Doctored) -> None:
    row = next(r for r in it.tables["effects"] if r["element_id"] == "write_owner" and r["undone_at"])
    row["undone_at"] = None


def _undo_never_ran(it: Doctored) -> None:
    it.drop("effects", element_id="recall_notice")


def _undo_in_vain(it: Doctored) -> None:
    it.one("effects", element_id="release_owner")["result"] = {"owner_released": False}


def _undo_uncalled(it: Doctored) -> None:
    row = next(r for r in it.tables["effects"] if r["element_id"] == "notify_owner" and r["undone_at"] is None)
    row["undone_at"] = row["done_at"]


def _slot_kept(it: Doctored) -> None:
    next(row for row in it.tables["assignments"] if row["released_at"])["released_at"] = None


def _other_credits(it: Doctored) -> None:
    next(row for row in it.tables["assignments"] if row["released_at"])["credits"] = {"ana": 5.0}


def _owner_lost(it: Doctored) -> None:
    it.tables["assignments"].remove(next(row for row in it.tables["assignments"] if row["released_at"]))


def _owner_invented(it: Doctored) -> None:
    it.twice("assignments", next(row for row in it.tables["assignments"] if row["released_at"]), round=7)


def _version_not_chosen(it: Doctored) -> None:
    it.tables["choices"].pop()


def _version_not_placed(it: Doctored) -> None:
    it.tables["choices"][0]["placed_at"] = None


def _other_share(it: Doctored) -> None:
    it.tables["splits"][0]["share"] = 0.0 if it.tables["choices"][0]["canary"] else 1.0


def _other_version(it: Doctored) -> None:
    it.instances[0] = replace(it.instances[0], definition=1)


def _put_back_wrong(it: Doctored) -> None:
    row = next(r for r in it.tables["crm_log"] if "/restore_owner/" in r["change_id"] and r["field"] == "owner_id")
    row["new"] = "mona"


def _remembered_wrong(it: Doctored) -> None:
    it.one("effects", element_id="write_owner")["recorded"]["former_owner"] = "mona"


def _written_wrong(it: Doctored) -> None:
    row = next(r for r in it.tables["crm_log"] if "/write_owner/" in r["change_id"] and r["field"] == "owner_id")
    row["new"] = "mona"


def _two_owners(it: Doctored) -> None:
    kept = next(row for row in it.tables["assignments"] if row["released_at"] is None)
    it.twice("assignments", kept, round=7)


def _twice_told(it: Doctored) -> None:
    it.twice("timeline", it.one("timeline", action="assigned"))


def _never_told(it: Doctored) -> None:
    it.drop("timeline", action="assigned")


def _breach_counted(it: Doctored) -> None:
    it.lead("accepted")["sla_breaches"] = 1


def _credit_wrong(it: Doctored) -> None:
    it.tables["credits"][0]["credit"] += 0.5


def _too_many_open(it: Doctored) -> None:
    for row in it.tables["reps"]:
        row["open_capacity"] = 0


def _too_many_a_day(it: Doctored) -> None:
    for row in it.tables["reps"]:
        row["daily_capacity"] = 0


def _dead_by_defect(it: Doctored) -> None:
    row = {
        "channel": "mail",
        "business_id": "lead-x",
        "external_id": "x",
        "reason": "Defect in the delivery: KeyError.",
    }
    it.tables["dead"].append(row)


BROKEN: list[tuple[Callable[[Doctored], None], str]] = [
    (_lost_lead, "lead-lost"),
    (_other_sender, "lead-lost"),
    (_invented_lead, "lead-invented"),
    (_started_twice, "started-twice"),
    (_orphaned_instance, "instance-orphaned"),
    (_never_started, "lead-stuck"),
    (_stuck, "lead-stuck"),
    (_no_task, "lead-stuck"),
    (_other_end, "end-differs"),
    (_unexplained, "incident-unexplained"),
    (_dead_by_defect, "dead-unexplained"),
    (_effect_lost, "effect-lost"),
    (_effect_of_nobody, "effect-unknown"),
    (_effect_twice, "effect-twice"),
    (_job_left, "effect-unanswered"),
    (_orphaned_effect, "effect-orphaned"),
    (_withdrawal_lost, "withdrawal-lost"),
    (_unfenced, "withdrawal-unfenced"),
    (_withdrawal_invented, "withdrawal-invented"),
    (_outbox_left, "outbox-left"),
    (_message_lost, "message-lost"),
    (_change_lost, "crm-change-lost"),
    (_change_invented, "crm-change-invented"),
    (_change_twice, "crm-change-twice"),
    (_written_twice, "crm-change-twice"),
    (_crm_differs, "crm-differs"),
    (_mail_lost, "mail-lost"),
    (_mail_invented, "mail-invented"),
    (_mail_differs, "mail-differs"),
    (_told_twice, "owner-told"),
    (_told_wrong, "mail-astray"),
    (_undo_missing, "undo-missing"),
    (_undo_never_ran, "undo-missing"),
    (_undo_in_vain, "undo-missing"),
    (_undo_uncalled, "undo-uncalled"),
    (_slot_kept, "slot-differs"),
    (_other_credits, "record-untrue"),
    (_owner_lost, "owner-lost"),
    (_owner_invented, "owner-invented"),
    (_put_back_wrong, "undo-inexact"),
    (_remembered_wrong, "record-untrue"),
    (_written_wrong, "crm-owner-wrong"),
    (_two_owners, "owner-differs"),
    (_twice_told, "told-twice"),
    (_never_told, "told-never"),
    (_breach_counted, "breach-count"),
    (_credit_wrong, "credit-differs"),
    (_too_many_open, "capacity-exceeded"),
    (_too_many_a_day, "capacity-exceeded"),
    (_version_not_chosen, "version-not-chosen"),
    (_version_not_placed, "version-not-placed"),
    (_other_share, "share-differs"),
    (_other_version, "version-differs"),
]


def test_the_true_story_breaks_no_rule(true_story: Evidence) -> None:
    assert check(Doctored.of(true_story).evidence()).violations == []


@pytest.mark.parametrize(("doctor", "rule"), BROKEN, ids=[doctor.__name__.strip("_") for doctor, _ in BROKEN])
def test_a_broken_rule_is_noticed(true_story: Evidence, doctor: Callable[[Doctored], None], rule: str) -> None:
    doctored = Doctored.of(true_story)
    doctor(doctored)
    assert rule in rules_of(check(doctored.evidence()))


def test_every_rule_is_broken_by_some_change(true_story: Evidence) -> None:
    silent = {rule.__name__ for rule in RULES}
    for doctor, _ in BROKEN:
        doctored = Doctored.of(true_story)
        doctor(doctored)
        evidence = doctored.evidence()
        silent -= {rule.__name__ for rule in RULES if next(rule(evidence), None) is not None}
    assert silent == set()


def test_a_mail_that_comes_again_is_no_violation(true_story: Evidence) -> None:
    doctored = Doctored.of(true_story)
    doctored.mails.append(doctored.mails[0])
    verdict = check(doctored.evidence())
    assert verdict.violations == []
    assert verdict.counts["mails that came again"] == 1


def test_an_effect_on_which_the_engine_relied_under_another_key_is_no_violation(true_story: Evidence) -> None:
    """It forgot the first instance of the element when it died, and came to it again."""
    doctored = Doctored.of(true_story)
    doctored.one("effects", element_id="note_refusal")["element_instance_key"] = 1
    assert check(doctored.evidence()).violations == []


def test_an_explained_incident_stops_its_lead_and_nothing_else(true_story: Evidence) -> None:
    doctored = Doctored.of(true_story)
    lead = doctored.lead("accepted")
    lead["state"] = "registered"
    (instance,) = [one for one in doctored.instances if one.lead_id == lead["lead_id"]]
    said = "Gave up after the last try: The CRM did not answer (TimeoutError); it is asked again."
    doctored.incidents.append(Incident(instance.key, "match_account", said))
    verdict = check(doctored.evidence())
    assert list(verdict.stopped) == [lead["lead_id"]]
    assert "lead-stuck" not in rules_of(verdict)


def test_an_instance_whose_first_job_was_never_done_needs_no_version(true_story: Evidence) -> None:
    """It was withdrawn while its first job was still waiting."""
    doctored = Doctored.of(true_story)
    choice = doctored.tables["choices"].pop()
    entries = doctored.tables["splits"][0]["entries"]
    doctored.steps[:] = [
        one
        for one in doctored.steps
        if (one.instance, one.element_id) not in {(choice["process_instance_key"], e) for e in entries}
    ]
    assert "version-not-chosen" not in rules_of(check(doctored.evidence()))


def test_a_slot_that_is_free_again_counts_no_more(true_story: Evidence) -> None:
    doctored = Doctored.of(true_story)
    for row in doctored.tables["reps"]:
        row["open_capacity"] = 1
    for row in doctored.tables["timeline"]:
        row["at"] += timedelta(hours=row["action"] == "assigned" and row["facts"]["round"] == 1)
    assert "capacity-exceeded" not in rules_of(check(doctored.evidence()))
