"""What the parts of a later Camunda make of our diagrams, tables and expressions, where its engine can't be had.

A broker parses diagrams by `zeebe-bpmn-model`, evaluates decisions by dmn-scala and expressions by feel-scala, and speaks
the gRPC of `zeebe-gateway-protocol-impl`: all of them under Apache-2.0, while the engine around them is not. The versions
are those of 8.9.0: later patches are not in Maven Central.

A JVM has one class path and a process one JVM, so this runs in a process of its own, `python -m tests.bindings.later`: it
reads a `Question` as JSON from standard input and writes an `Answers`.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bindings.models import BPMN_FILES, DMN_FILES, ROOT
from workers.engine import jvm
from workers.engine.downloads import Store
from workers.settings import Settings

CAMUNDA = "8.9.0"
PARTS = (
    "org.camunda.feel:feel-engine:1.20.0",
    "org.camunda.bpm.extension.dmn.scala:dmn-engine:1.11.0",
    f"io.camunda:zeebe-bpmn-model:{CAMUNDA}",
    f"io.camunda:zeebe-gateway-protocol-impl:{CAMUNDA}",
)
"""Of a class in two jars Java takes the first's."""

Values = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Question:
    """What is to be tried."""

    tables: Mapping[str, Sequence[Values]]
    """Variables of each evaluation, by decision."""
    expressions: Sequence[str]
    """FEEL, without the equals sign."""


@dataclass(frozen=True)
class Answers:
    """What came of it."""

    outputs: dict[str, list[Any]]
    """By decision, in order; numbers are floats."""
    refused: dict[str, str]
    """Why a diagram or table is no good, by file name."""
    unparsed: dict[str, str]
    """Why an expression is none."""
    protocol: str
    """gRPC's `FileDescriptorProto`, in base64."""


def ask(question: Question) -> Answers:
    """Ask a process of its own. Raises `RuntimeError` with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bindings.later"],
        cwd=ROOT, input=json.dumps(asdict(question)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Answers(**json.loads(done.stdout.splitlines()[-1]))


def _answer(question: Question) -> Answers:
    settings = Settings()
    jvm.start(Store(settings.cache, settings.maven_repository).classpath(PARTS))
    from jpype import JClass  # noqa: PLC0415 - after the JVM has started

    feel = JClass("org.camunda.feel.api.FeelEngineBuilder").create().build()
    parsed = {text: feel.parseExpression(text) for text in question.expressions}
    outputs, refused = _evaluated(JClass, feel, question.tables)
    protocol = JClass("io.camunda.zeebe.gateway.protocol.GatewayOuterClass").getDescriptor().toProto().toByteArray()
    return Answers(
        outputs,
        refused | _refused_diagrams(JClass),
        {text: str(one.failure().message()) for text, one in parsed.items() if one.isFailure()},
        base64.b64encode(bytes(protocol)).decode(),
    )


def _evaluated(
    java: Callable[[str], Any], feel: Any, tables: Mapping[str, Sequence[Values]]
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    engine = java("org.camunda.dmn.DmnEngine$Builder")().build()
    outputs: dict[str, list[Any]] = {}
    refused: dict[str, str] = {}
    for file in DMN_FILES:
        found = engine.parse(java("java.io.ByteArrayInputStream")(file.read_bytes()))
        if found.isLeft():
            refused[file.name] = str(found.left().get().message())
            continue
        parsed = found.right().get()
        for decision in tables:
            if not parsed.decisionsById().contains(decision):
                continue
            outputs[decision] = []
            for values in tables[decision]:
                # A broker hands over its own values, of which the engine makes those of FEEL; of JSON FEEL itself does.
                variables = feel.evaluateExpression(json.dumps(values), java("java.util.HashMap")()).result()
                result = engine.eval(parsed, decision, variables)
                if result.isLeft():
                    raise RuntimeError(f"{decision} of {values}: {result.left().get().failure().message()}")
                outputs[decision].append(_plain(java, result.right().get().value()))
    return outputs, refused


def _refused_diagrams(java: Callable[[str], Any]) -> dict[str, str]:
    bpmn = java("io.camunda.zeebe.model.bpmn.Bpmn")
    rules = java("io.camunda.zeebe.model.bpmn.validation.zeebe.ZeebeDesignTimeValidators").VALIDATORS
    refused = {}
    for file in BPMN_FILES:
        try:
            model = bpmn.readModelFromStream(java("java.io.ByteArrayInputStream")(file.read_bytes()))
        except java("java.lang.RuntimeException") as error:
            refused[file.name] = str(error)
            continue
        found = model.validate(rules)
        if found.hasErrors():
            refused[file.name] = "; ".join(
                str(one.getMessage()) for ones in found.getResults().values() for one in ones
            )
    return refused


def _plain(java: Callable[[str], Any], value: Any) -> Any:
    """A value of Scala or Java as JSON has it."""
    if value is None or str(value.getClass().getName()) == "scala.None$":
        return None
    if isinstance(value, java("scala.collection.Map")):
        pairs = java("scala.jdk.javaapi.CollectionConverters").asJava(value)
        return {str(one.getKey()): _plain(java, one.getValue()) for one in pairs.entrySet()}
    if isinstance(value, java("scala.collection.Seq")):
        return [_plain(java, one) for one in java("scala.jdk.javaapi.CollectionConverters").asJava(value)]
    if isinstance(value, java("java.lang.Boolean")):
        return bool(value)
    if isinstance(value, (java("java.lang.Number"), java("scala.math.BigDecimal"))):
        return float(str(value))
    return str(value)


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    sys.stdout.write(json.dumps(asdict(_answer(Question(**given)))) + "\n")
