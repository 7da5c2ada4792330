"""Diagrams, tables, forms and code hold the same names, in both directions."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tests.bindings.graph import Graph, jobs
from tests.bindings.models import BPMN_FILES, DMN_FILES, FORM_FILES, Decision, Diagram, Form, paths
from workers.control_room.prediction import attention
from workers.healing.rules import DECISION as HEALING
from workers.runtime.task import TaskSpec

Tasks = Mapping[str, TaskSpec]

CONTEXTS = {"forecast_upkeep": "forecast_review", "quota_upkeep": "quota_approval", "scorer_upkeep": "lead_routing"}
"""Whose tasks a diagram uses, where that is not the context of its own name."""

FOR_ANALYSTS = {"web_services"}
"""Contexts whose tasks are for diagrams that are not ours."""

ASKED_BY_CODE = {HEALING, attention.DECISION}
"""Decisions that no diagram calls."""


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
    for node in jobs(diagram):
        assert node.job_type in tasks, f"{node.id} asks for {node.job_type}, which no module serves"
        context = CONTEXTS.get(diagram.id, diagram.id)
        assert node.job_type == f"{context}.{node.id.split('__')[0]}", f"{node.id} has the type {node.job_type}"
        assert node.retries == tasks[node.job_type].retry.tries, f"{node.id}: retries, and the task's tries"


def test_every_task_in_code_is_in_a_diagram(diagrams: Mapping[str, Diagram], tasks: Tasks) -> None:
    ours = {name for name, task in tasks.items() if task.context not in FOR_ANALYSTS}
    assert {node.job_type for diagram in diagrams.values() for node in jobs(diagram)} == ours


def test_ids_are_snake_case(diagram: Diagram) -> None:
    for name in [*diagram.nodes, *(flow.id for flow in diagram.flows)]:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_{1,2}[a-z0-9]+)*", name), name


def test_errors(diagram: Diagram, tasks: Tasks) -> None:
    for node in jobs(diagram):
        caught = {n.error for n in diagram.nodes.values() if n.host == node.id and n.event == "error"}
        spec = tasks[str(node.job_type)]
        assert caught == {error.code for error in spec.errors}, f"{node.id} catches {caught}"
    for node in diagram.nodes.values():
        if node.event == "error" and node.host:
            source = inspect.getsource(
                inspect.getmodule(tasks[str(diagram.nodes[node.host].job_type)].function) or object
            )
            for target, expression in node.outputs.items():
                named = f'"{target}"' in source or f"``{target}``" in source
                assert expression == "=null" or named, f"{node.id}: the error brings no {target}"


def test_messages(diagrams: Mapping[str, Diagram], sent_messages: Mapping[str, set[str]]) -> None:
    for node in [node for diagram in diagrams.values() for node in diagram.nodes.values() if node.message]:
        brought = {path for source in node.outputs.values() for path in paths(source)}
        assert brought <= sent_messages[str(node.message)], f"{node.id} reads what its message does not bring"
    assert {n.message for d in diagrams.values() for n in d.nodes.values() if n.message} == set(sent_messages)


def test_decisions_are_called(diagrams: Mapping[str, Diagram], decisions: Mapping[str, Decision]) -> None:
    used = {n.decision for d in diagrams.values() for n in d.nodes.values() if n.decision} | ASKED_BY_CODE
    todo = set(used)
    while todo:
        assert todo <= set(decisions), todo
        todo = {below for one in todo if one for below in decisions[one].requires} - used
        used |= todo
    assert used == set(decisions), "a decision that nothing needs"


def test_forms_are_used_and_answer_what_is_mapped(diagrams: Mapping[str, Diagram], forms: Mapping[str, Form]) -> None:
    nodes = [n for d in diagrams.values() for n in d.nodes.values() if n.form]
    assert {node.form for node in nodes} == set(forms)
    for node in nodes:
        fields = {key.split(".")[0] for key in forms[str(node.form)].fields}
        mapped = {target for target, source in node.outputs.items() if source == f"={target}"}
        assert mapped == fields, f"{node.id}: fields and output mappings differ"


def test_answers_that_a_condition_expects_can_come(
    diagram: Diagram, tasks: Tasks, decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> None:
    answers = _possible_answers(diagram, tasks, decisions, forms)
    for flow in diagram.flows:
        for name, value in re.findall(r'(\w+) = "([^"]*)"', flow.condition or ""):
            assert value in answers.get(name, set()), f"{flow.id} waits for {name} = {value!r}, which nobody answers"
    for task in tasks.values():
        for name, model_field in task.input_model.model_fields.items():
            allowed = _literals(model_field.annotation)
            if allowed and name in answers and task.context == diagram.id:
                assert answers[name] - {"accept"} <= allowed | {"accept"}, f"{task.name} does not know all of {name}"


def _possible_answers(
    diagram: Diagram, tasks: Tasks, decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> dict[str, set[str]]:
    """Texts that a variable, or a field of one, may hold."""
    answers: dict[str, set[str]] = {}
    lists: dict[str, set[str]] = {}
    for node in diagram.nodes.values():
        for name, texts in decisions[node.decision].answers.items() if node.decision else ():
            answers.setdefault(name, set()).update(texts)
        for name, source in node.outputs.items():
            answers.setdefault(name, set()).update(re.findall(r'^="([^"]*)"$', source))
        if node.job_type:
            for name, model_field in tasks[node.job_type].output_model.model_fields.items():
                if typing.get_origin(model_field.annotation) is typing.Literal:
                    answers.setdefault(name, set()).update(typing.get_args(model_field.annotation))
                for part, texts in _parts(model_field.annotation):
                    (lists.setdefault(name, set()) if part == "value" else answers.setdefault(part, set())).update(
                        texts
                    )
    for node in diagram.nodes.values():
        for key, form_field in forms[node.form].fields.items() if node.form else ():
            answers.setdefault(key, set()).update(value["value"] for value in form_field.get("values", ()))
            answers[key] |= lists.get(form_field.get("valuesKey", ""), set())
    return answers


def test_compensation(diagram: Diagram, tasks: Tasks) -> None:
    assert set(diagram.compensations.values()) == {node.id for node in diagram.nodes.values() if node.compensates}
    for event, handler in diagram.compensations.items():
        spec = tasks[str(diagram.nodes[handler].job_type)]
        assert spec.undoes == str(diagram.nodes[event].host).split("__")[0]
    # A record is found by task and loop: two elements of a task must never share both.
    undone = [diagram.nodes[str(diagram.nodes[event].host)] for event in diagram.compensations]
    records = [(node.job_type, node.inputs.get(str(tasks[str(node.job_type)].loop))) for node in undone]
    assert len(set(records)) == len(records), f"elements that are undone share a loop index: {records}"
    for node in jobs(diagram):
        spec = tasks[str(node.job_type)]
        assert spec.after_close == (node.compensates or node.scope in diagram.by_event), f"{node.id}: after_close"
        assert (spec.undoes is not None) == node.compensates, f"{node.id}: undoes"


def test_who_undoes_says_what(diagram: Diagram) -> None:
    """An event that names no activity undoes every one that can be undone: a new one must be meant, too."""
    undoable = {str(diagram.nodes[event].host) for event in diagram.compensations}
    for node in diagram.nodes.values():
        if node.event == "compensate" and node.host is None:
            (element,) = diagram.tree.xpath(f"//*[@id='{node.id}']")
            named = set(element.xpath("*/@activityRef"))
            listed = {
                name for text in element.xpath("*[local-name()='documentation']/text()") for name in listing(text)
            }
            assert named <= undoable, f"{node.id} names what can't be undone"
            assert named or listed == undoable, f"{node.id} lists {listed} in its documentation, but undoes {undoable}"


def listing(text: str) -> list[str]:
    return re.findall(r"\w+", text.partition("of: ")[2])


def test_what_can_repeat_tells_its_repetitions_apart(diagram: Diagram, tasks: Tasks) -> None:
    graph = Graph(diagram)
    for node in jobs(diagram):
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
            groups = [
                one for one in node.expressions if one.startswith("sales-") or re.fullmatch(r"=\[\w+\.group\]", one)
            ]
            assert groups, f"{node.id}: no group"


def _parts(annotation: Any) -> Iterator[tuple[str, set[str]]]:  # Any: a type annotation
    """Names and texts of the fields with fixed texts inside of a value."""
    for part in typing.get_args(annotation):
        yield from _parts(part)
    if dataclasses.is_dataclass(annotation) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        for name, kind in typing.get_type_hints(annotation).items():
            if typing.get_origin(kind) is typing.Literal:
                yield name, set(typing.get_args(kind))


def _literals(annotation: Any) -> set[str]:  # Any: a type annotation
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return {value for part in typing.get_args(annotation) for value in _literals(part)}
