"""The newest Camunda that Fairlead names takes our diagrams and tables, and they mean the same to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from lxml import etree
from pyzeebe.proto import gateway_pb2 as pb

from tests.bindings import later
from tests.bindings.models import BPMN_FILES, ROOT, Decision
from tests.bindings.test_engine_versions import called
from tests.bindings.test_tables import CASES, pick

NO_FEEL = "if then"
"""What can't be parsed, so that it shows that something is looked at."""


@pytest.fixture(scope="module")
def answers() -> later.Answers:
    tables = {name: [values for values, _, _ in cases] for name, cases in CASES.items()}
    return later.ask(later.Question(tables, [*expressions(), NO_FEEL]))


def expressions() -> list[str]:
    """All FEEL in the diagrams, once each."""
    found = {
        str(text).strip()
        for file in BPMN_FILES
        for text in etree.parse(file).xpath("//@*|//text()")
        if str(text).strip().startswith("=")
    }
    return sorted(text.removeprefix("=") for text in found)


def test_it_refuses_no_diagram_and_no_table(answers: later.Answers) -> None:
    assert answers.refused == {}


def test_it_reads_every_expression(answers: later.Answers) -> None:
    assert set(answers.unparsed) == {NO_FEEL}, answers.unparsed


def test_tables_give_what_they_give_on_our_engines(answers: later.Answers, decisions: Mapping[str, Decision]) -> None:
    assert set(answers.outputs) == {decision.id for decision in decisions.values() if decision.rules}
    for table, outputs in answers.outputs.items():
        for number, ((_, name, expected), output) in enumerate(zip(CASES[table], outputs, strict=True), 1):
            assert pick(output, name) == expected, f"case {number} of {table}"


def test_our_calls_are_its_calls(answers: later.Answers) -> None:
    ours, theirs = FileDescriptorProto(), FileDescriptorProto.FromString(base64.b64decode(answers.protocol))
    pb.DESCRIPTOR.CopyToProto(ours)
    (now,), (then,) = ([one for one in file.service if one.name == "Gateway"] for file in (ours, theirs))
    methods = {one.name: one for one in then.method}
    known, told = dict(_messages(ours)), dict(_messages(theirs))
    for method in now.method:
        if method.name not in called():
            continue
        other = methods[method.name]
        assert not other.options.deprecated, method.name
        assert (method.input_type, method.output_type) == (other.input_type, other.output_type)
        for message in _reached(known, [method.input_type, method.output_type]):
            fields = {one.name: one for one in told[message].field}
            for one in known[message].field:
                assert _wire(one) == _wire(fields[one.name]), f"{message}.{one.name}"
                assert not fields[one.name].options.deprecated, f"{message}.{one.name}"


def _wire(field: FieldDescriptorProto) -> tuple[object, ...]:
    return field.number, field.type, field.label, field.type_name


def _messages(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    def below(name: str, message: DescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
        yield name, message
        for one in message.nested_type:
            yield from below(f"{name}.{one.name}", one)

    for message in file.message_type:
        yield from below(f".{file.package}.{message.name}", message)


def _reached(messages: Mapping[str, DescriptorProto], names: list[str]) -> set[str]:
    """Those messages and all that they are made of."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name in messages and name not in found:
            found.add(name)
            names += [one.type_name for one in messages[name].field]
    return found


def test_the_guide_names_what_was_asked() -> None:
    guide = (ROOT / "docs" / "engine-versions.md").read_text()
    for part in later.PARTS:
        _, artifact, version = part.split(":")
        assert f"`{artifact}` {version}" in guide
