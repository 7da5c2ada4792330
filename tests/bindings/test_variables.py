"""Variables: what is read was written, what is written is read, and instances do not write over each other's."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bindings.graph import Graph, all_reads, has_path, jobs, types_of, writers
from tests.bindings.models import Decision, Diagram, Form, Node
from workers.runtime.task import TaskSpec

Tasks = Mapping[str, TaskSpec]

READ_BY_PEOPLE = {
    "follow_up": {
        "activity_id": "seen in Operate: by which the CRM knows the planned contact",
        "activity_removed": "seen in Operate",
        "cancelled_at": "seen in Operate",
        "escalated_at": "seen in Operate",
        "follow_up_state": "seen in Operate: how it ended",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "notice_sent_at": "seen in Operate",
        "opened_at": "seen in Operate",
    },
    "forecast_review": {
        "announced_to": "seen in Operate",
        "auto_approved": "seen in Operate: how many segments nobody is asked about",
        "change_id": "seen in Operate: by which the target knows the change",
        "closed_unseen": "seen in Operate: what nobody decided in time",
        "forecast_restored": "seen in Operate",
        "joined": "seen in Operate: the review that is under way",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "needed": "seen in Operate: how many of a page should be reviewed",
        "notice_sent_at": "seen in Operate",
        "repairs": "seen in Operate",
        "stopped_at": "seen in Operate",
        "withdrawn_at": "seen in Operate",
    },
    "forecast_upkeep": {
        "asked_forecast_id": "seen in Operate: the review that was asked for",
    },
    "lead_routing": {
        "accepted_at": "seen in Operate",
        "crm_write": "seen in Operate: whom the CRM named before",
        "discarded_at": "seen in Operate",
        "escalated_at": "seen in Operate",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "merged_into": "seen in Operate",
        "notice_recalled": "seen in Operate",
        "owner_notified": "seen in Operate",
        "owner_released": "seen in Operate",
        "owner_restored": "seen in Operate",
        "problems": "seen in Operate, field by field; the form shows problems_text",
        "reminded_at": "seen in Operate",
        "taken_over_at": "seen in Operate",
        "withdrawn_at": "seen in Operate",
    },
    "opportunity_prioritisation": {
        "asked_for": "seen in Operate: which rankings were asked for",
        "joined": "seen in Operate: the ranking that is under way",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "left_over": "seen in Operate: what nobody got to",
        "notice_sent_at": "seen in Operate",
        "organisation_name": "seen in Operate",
        "prioritisation_closed_at": "seen in Operate",
        "ranking_change_id": "seen in Operate: by which the CRM knows the ranking",
        "ranking_restored": "seen in Operate",
        "scored_by_table": "seen in Operate",
        "win_model": "seen in Operate: the version that gave the chances",
        "withdrawn_at": "seen in Operate",
    },
    "quota_approval": {
        "asked_for": "seen in Operate: how many of a page need a person",
        "change_id": "seen in Operate: by which the target knows the change",
        "decided_by": "seen in Operate: as Camunda's record has it; nothing goes by it",
        "escalated_to": "seen in Operate: whose turn it is after silence",
        "joined": "seen in Operate: the review that is under way",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "level_kept": "seen in Operate: whose approval a quota needs that a person set",
        "letters_printed": "seen in Operate",
        "letters_sent": "seen in Operate",
        "letters_voided": "seen in Operate",
        "notice_sent_at": "seen in Operate",
        "objected": "seen in Operate",
        "passed_share": "seen in Operate: which share of the quotas nobody had to look at",
        "quotas_restored": "seen in Operate",
        "stopped_at": "seen in Operate",
        "withdrawn_at": "seen in Operate",
    },
    "quota_upkeep": {
        "asked_quota_id": "seen in Operate: the review that was asked for",
    },
    "scorer_upkeep": {
        "checks_asked_for": "seen in Operate: which scorers are checked",
        "deactivated_version": "seen in Operate",
        "former_version": "seen in Operate: the model before",
        "notice_sent_at": "seen in Operate",
        "scorer_restored": "seen in Operate",
        "trial": "seen in Operate: how the new model did on recent leads",
    },
    "territory_alignment": {
        "adjusted": "seen in Operate: the plan around a manager's edits",
        "announced_to": "seen in Operate",
        "change_id": "seen in Operate: by which the target knows the change",
        "closed_unseen": "seen in Operate: regions that nobody decided about in time",
        "clash_drop": "seen in Operate: the rule that a person dropped; dropped_rules has all",
        "joined": "seen in Operate: the alignment that is under way",
        "leftovers_undone": "seen in Operate: what the engine could not undo",
        "look_recorded": "seen in Operate",
        "notice_sent_at": "seen in Operate",
        "stopped_at": "seen in Operate",
        "territories_restored": "seen in Operate",
        "withdrawn_at": "seen in Operate",
    },
}
"""Variables that no element of a diagram reads, each with the reason why it is there."""

PER_TASK = {"notice_sent_at"}
"""What several instances may write over: nothing reads it."""


def test_every_variable_that_is_read_was_written(
    diagram: Diagram,
    tasks: Tasks,
    decisions: Mapping[str, Decision],
    forms: Mapping[str, Form],
    sent_messages: Mapping[str, set[str]],
) -> None:
    graph = Graph(diagram)
    written_by = writers(diagram, tasks, sent_messages)
    wrong = []
    for read in all_reads(diagram, tasks, decisions, forms):
        here, sources = ("in", read.node), [("out", node) for node in written_by.get(read.variable, ())]
        # A task that stands in several places may read in one place what it cannot know in another.
        job_type = diagram.nodes[read.node].job_type
        places = [node.id for node in jobs(diagram) if node.job_type == job_type] if job_type else [read.node]
        mapped = any(read.variable in diagram.nodes[place].inputs for place in places)
        if not (mapped or {("in", place) for place in places} & graph.reached(sources)):
            wrong.append(f"{read.node} reads {read.variable}, which nothing before it writes")
        elif read.needed and here in graph.reached([("in", start) for start in graph.starts], without=sources):
            wrong.append(f"{read.node} needs {read.variable}, and there is a way there on which nothing writes it")
    assert not wrong, "\n".join(wrong)


def test_nested_fields_exist(
    diagram: Diagram, tasks: Tasks, decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> None:
    types = types_of(diagram, tasks)
    for read in all_reads(diagram, tasks, decisions, forms):
        names = read.path.split(".")[1:]
        if names:
            assert any(has_path(kind, names) for kind in types[read.variable]), f"{read.node} reads {read.path}"


def test_every_variable_that_is_written_is_read(
    diagram: Diagram,
    tasks: Tasks,
    decisions: Mapping[str, Decision],
    forms: Mapping[str, Form],
    sent_messages: Mapping[str, set[str]],
) -> None:
    graph = Graph(diagram)
    wanted = all_reads(diagram, tasks, decisions, forms)
    unread = {
        variable
        for variable, nodes in writers(diagram, tasks, sent_messages).items()
        if not any(
            read.variable == variable and ("in", read.node) in graph.reached([("out", node) for node in nodes])
            for read in wanted
        )
    }
    assert unread == set(READ_BY_PEOPLE[diagram.id])


def test_input_mappings_fit(diagram: Diagram, tasks: Tasks, forms: Mapping[str, Form]) -> None:
    for node in diagram.nodes.values():
        for target in node.inputs:
            if node.job_type:
                assert target in tasks[node.job_type].input_model.model_fields, f"{node.id} maps {target}"
            elif not node.collection:
                assert node.form, node.id
                keys = {key.split(".")[0] for key in forms[node.form].fields}
                assert target in keys, f"{node.id} maps {target}, which its form has no field for"


def test_instances_at_the_same_time_share_no_variable(diagram: Diagram, tasks: Tasks) -> None:
    for loop in diagram.nodes.values():
        if loop.collection and loop.parallel:
            inside = [node for node in diagram.nodes.values() if loop.id in {node.id, node.scope}]
            written = {name for node in inside for name in _own_writes(node, tasks)}
            own = set(loop.inputs) | {loop.element, loop.gathers}
            assert written - PER_TASK <= own, f"{loop.id}: instances write over each other's {written - PER_TASK - own}"
            assert set(loop.inputs) <= written, f"{loop.id} begins with what nothing in it writes"


def _own_writes(node: Node, tasks: Tasks) -> set[str]:
    if node.outputs or node.result:
        return set(node.outputs) | ({node.result} if node.result else set())
    return set(tasks[node.job_type].output_model.model_fields) if node.job_type else set()
