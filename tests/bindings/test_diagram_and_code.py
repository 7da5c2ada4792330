"""Diagrams, tables, forms and code hold the same names, in both directions."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from typing import Any

from tests.bindings.graph import Graph, Read, has_path, reads, writes
from tests.bindings.models import BPMN_FILES, DMN_FILES, FORM_FILES, Decision, Diagram, Form, Node
from workers.runtime.task import TaskSpec

Tasks = Mapping[str, TaskSpec]

CONTEXTS = {"scorer_upkeep": "lead_routing"}
"""Whose tasks a diagram uses, where that is not the context of its own name."""

READ_BY_PEOPLE = {
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
        "withdrawn_at": "seen in Operate",
    },
    "scorer_upkeep": {
        "checks_asked_for": "seen in Operate: which scorers are checked",
        "deactivated_version": "seen in Operate",
        "former_version": "seen in Operate: the model before",
        "notice_sent_at": "seen in Operate",
        "scorer_restored": "seen in Operate",
        "trial": "seen in Operate: how the new model did on recent leads",
    },
}
"""Variables that no element of a diagram reads, each with the reason why it is there."""


def test_file_names_are_ids(
    diagrams: Mapping[str, Diagram], decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> None:
    assert sorted(diagrams) == [file.stem for file in BPMN_FILES]
    assert sorted(forms) == [file.stem for file in FORM_FILES]
    for file in DMN_FILES:
        assert f'<definitions id="{file.stem}"' in file.read_text() or f' id="{file.stem}"' in file.read_text()


def test_one_version_tag(
    diagrams: Mapping[str, Diagram], decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> None:
    for tag in [part.version_tag for group in (diagrams, decisions, forms) for part in group.values()]:
        assert tag is not None
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag)


def test_every_task_of_the_diagram_has_its_code(diagram: Diagram, tasks: Tasks) -> None:
    for node in _jobs(diagram):
        assert node.job_type in tasks, f"{node.id} asks for {node.job_type}, which no module serves"
        context = CONTEXTS.get(diagram.id, diagram.id)
        assert node.job_type == f"{context}.{node.id.split('__')[0]}", f"{node.id} has the type {node.job_type}"


def test_every_task_in_code_is_in_a_diagram(diagrams: Mapping[str, Diagram], tasks: Tasks) -> None:
    assert {node.job_type for diagram in diagrams.values() for node in _jobs(diagram)} == set(tasks)


def test_ids_are_snake_case(diagram: Diagram) -> None:
    for name in [*diagram.nodes, *(flow.id for flow in diagram.flows)]:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_{1,2}[a-z0-9]+)*", name), name


def test_every_variable_that_is_read_was_written(
    diagram: Diagram,
    tasks: Tasks,
    decisions: Mapping[str, Decision],
    forms: Mapping[str, Form],
    sent_messages: Mapping[str, set[str]],
) -> None:
    graph = Graph(diagram)
    writers = _writers(diagram, tasks, sent_messages)
    wrong = []
    for read in _reads(diagram, tasks, decisions, forms):
        here, sources = ("in", read.node), [("out", node) for node in writers.get(read.variable, ())]
        # A task that stands in several places may read in one place what it cannot know in another.
        job_type = diagram.nodes[read.node].job_type
        places = [node.id for node in _jobs(diagram) if node.job_type == job_type] if job_type else [read.node]
        if not {("in", place) for place in places} & graph.reached(sources):
            wrong.append(f"{read.node} reads {read.variable}, which nothing before it writes")
        elif read.needed and here in graph.reached([("in", start) for start in graph.starts], without=sources):
            wrong.append(f"{read.node} needs {read.variable}, and there is a way there on which nothing writes it")
    assert not wrong, "\n".join(wrong)


def test_nested_fields_exist(
    diagram: Diagram, tasks: Tasks, decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> None:
    types = _types(diagram, tasks)
    for read in _reads(diagram, tasks, decisions, forms):
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
    wanted = _reads(diagram, tasks, decisions, forms)
    unread = {
        variable
        for variable, nodes in _writers(diagram, tasks, sent_messages).items()
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
            else:
                assert node.form, node.id
                keys = {key.split(".")[0] for key in forms[node.form].fields}
                assert target in keys, f"{node.id} maps {target}, which its form has no field for"


def test_errors(diagram: Diagram, tasks: Tasks) -> None:
    for node in _jobs(diagram):
        caught = {n.error for n in diagram.nodes.values() if n.host == node.id and n.event == "error"}
        spec = tasks[str(node.job_type)]
        assert caught == {error.code for error in spec.errors}, f"{node.id} catches {caught}"
    for node in diagram.nodes.values():
        if node.event == "error" and node.host:
            source = inspect.getsource(
                inspect.getmodule(tasks[str(diagram.nodes[node.host].job_type)].function) or object
            )
            for target, expression in node.outputs.items():
                assert expression == "=null" or f'"{target}"' in source, f"{node.id}: the error brings no {target}"


def test_messages(diagrams: Mapping[str, Diagram], sent_messages: Mapping[str, set[str]]) -> None:
    assert {n.message for d in diagrams.values() for n in d.nodes.values() if n.message} == set(sent_messages)


def test_decisions_are_called(diagrams: Mapping[str, Diagram], decisions: Mapping[str, Decision]) -> None:
    used = {n.decision for d in diagrams.values() for n in d.nodes.values() if n.decision}
    todo = set(used)
    while todo:
        assert todo <= set(decisions), todo
        todo = {below for one in todo if one for below in decisions[one].requires} - used
        used |= todo
    assert used == set(decisions), "a decision that nothing needs"


def test_forms_are_used_and_answer_what_is_mapped(diagrams: Mapping[str, Diagram], forms: Mapping[str, Form]) -> None:
    nodes = [n for d in diagrams.values() for n in d.nodes.values() if n.kind == "userTask"]
    assert {node.form for node in nodes} == set(forms)
    for node in nodes:
        fields = {key.split(".")[0] for key in forms[str(node.form)].fields}
        mapped = {target for target, source in node.outputs.items() if source == f"={target}"}
        assert mapped == fields, f"{node.id}: fields and output mappings differ"


def test_answers_that_a_condition_expects_can_come(diagram: Diagram, tasks: Tasks, forms: Mapping[str, Form]) -> None:
    answers: dict[str, set[str]] = {}
    for node in diagram.nodes.values():
        for name, source in node.outputs.items():
            answers.setdefault(name, set()).update(re.findall(r'^="([^"]*)"$', source))
        if node.job_type:
            for name, model_field in tasks[node.job_type].output_model.model_fields.items():
                if typing.get_origin(model_field.annotation) is typing.Literal:
                    answers.setdefault(name, set()).update(typing.get_args(model_field.annotation))
        for key, form_field in forms[node.form].fields.items() if node.form else ():
            answers.setdefault(key, set()).update(value["value"] for value in form_field.get("values", ()))
    for flow in diagram.flows:
        for name, value in re.findall(r'(\w+) = "([^"]*)"', flow.condition or ""):
            assert value in answers.get(name, set()), f"{flow.id} waits for {name} = {value!r}, which nobody answers"
    for task in tasks.values():
        for name, model_field in task.input_model.model_fields.items():
            allowed = _literals(model_field.annotation)
            if allowed and name in answers and task.context == diagram.id:
                assert answers[name] - {"accept"} <= allowed | {"accept"}, f"{task.name} does not know all of {name}"


def test_compensation(diagram: Diagram, tasks: Tasks) -> None:
    assert set(diagram.compensations.values()) == {node.id for node in diagram.nodes.values() if node.compensates}
    for event, handler in diagram.compensations.items():
        spec = tasks[str(diagram.nodes[handler].job_type)]
        assert spec.undoes == diagram.nodes[event].host
    for node in _jobs(diagram):
        spec = tasks[str(node.job_type)]
        assert spec.after_close == (node.compensates or node.scope != diagram.id), f"{node.id}: after_close"
        assert (spec.undoes is not None) == node.compensates, f"{node.id}: undoes"


def test_what_can_repeat_tells_its_repetitions_apart(diagram: Diagram, tasks: Tasks) -> None:
    graph = Graph(diagram)
    for node in _jobs(diagram):
        spec = tasks[str(node.job_type)]
        if spec.effect == "once" and graph.repeats(node.id):
            assert spec.loop, f"{node.id} can come again, so that its task needs a `loop`"


def test_human_tasks(diagram: Diagram) -> None:
    for node in diagram.nodes.values():
        if node.kind == "userTask":
            timers = [n for n in diagram.nodes.values() if n.host == node.id and n.event == "timer"]
            names = {n.id for n in timers}
            assert f"{node.id}_reminder_due" in names
            assert f"{node.id}_overdue" in names or any(n.interrupting for n in timers), "neither escalation nor end"
            assert all(
                n.interrupting == (n.id not in {f"{node.id}_reminder_due", f"{node.id}_overdue"}) for n in timers
            )
            assert any(expression.endswith(".due_at") for expression in node.expressions), f"{node.id} is never due"
            assert any(expression.startswith("sales-") for expression in node.expressions), f"{node.id}: no group"


def _jobs(diagram: Diagram) -> list[Node]:
    return [node for node in diagram.nodes.values() if node.job_type]


def _writers(diagram: Diagram, tasks: Tasks, sent: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in diagram.nodes.values():
        for variable in writes(node, tasks, sent):
            found.setdefault(variable, set()).add(node.id)
    return found


def _reads(diagram: Diagram, tasks: Tasks, decisions: Mapping[str, Decision], forms: Mapping[str, Form]) -> list[Read]:
    return [read for node in diagram.nodes.values() for read in reads(diagram, node, tasks, decisions, forms)]


def _types(diagram: Diagram, tasks: Tasks) -> dict[str, list[Any]]:  # Any: type annotations
    """What is known of each variable's type: from the tasks that write it and those that read it."""
    found: dict[str, list[Any]] = {}
    for node in _jobs(diagram):
        spec = tasks[str(node.job_type)]
        for model in (spec.output_model, spec.input_model):
            for name, model_field in model.model_fields.items():
                found.setdefault(name, []).append(model_field.annotation)
    return found


def _literals(annotation: Any) -> set[str]:  # Any: a type annotation
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return {value for part in typing.get_args(annotation) for value in _literals(part)}
