"""Camunda's own evaluation of decision tables, without a broker: the module of Zeebe that does it, in a JVM beside Python.

A broker parses a deployed ``.dmn`` file and evaluates its decisions with `io.camunda:zeebe-dmn`, on variables that
`io.camunda:zeebe-protocol-impl` packs and unpacks. The same jars, of the version of the cluster, do it here, but for a
later patch of the FEEL engine (`Versions.feel_engine`); nothing is deployed, logged or exported, so that a table tried
out can never reach a process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.settings import Settings

_DMN = "io.camunda.zeebe.dmn"


class BadTable(ValueError):
    """A file that the engine would refuse to deploy; the message is the engine's reason."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a decision answered."""

    output: Any  # Any: JSON; None if it failed
    matched: dict[str, list[int]]
    """For each evaluated decision that is a table, the 1-based numbers of the rules that matched."""
    failure: str | None
    """Why it could not be evaluated, in the engine's words; the process would stop there with an incident."""


class DecisionEngine:
    """Parses and evaluates, for one thread of a process: neither Zeebe's engine nor the bridge to Java bears several. It
    brings a JVM into the process, in which jars of another version are refused.

    Args:
        settings: `cache` and `maven_repository` say where the jars come from, `versions.camunda` which.

    Raises:
        DownloadError, StartError: from `workers.engine.errors`.
    """

    def __init__(self, settings: Settings) -> None:
        jvm.start(_jars(settings), brief=False)
        from jpype import JClass  # noqa: PLC0415 - after the JVM has started

        self._engine = JClass(f"{_DMN}.DecisionEngineFactory").createDecisionEngine()
        self._bytes = JClass("java.io.ByteArrayInputStream")
        self._variables = JClass(f"{_DMN}.impl.VariablesContext")
        self._buffer = JClass("org.agrona.concurrent.UnsafeBuffer")
        self._packing = JClass("io.camunda.zeebe.protocol.impl.encoding.MsgPackConverter")

    def parse(self, content: bytes) -> Graph:
        """The decisions of a file.

        Raises:
            BadTable: the engine would refuse it.
        """
        # Also when the file comes from outside: what a document type may declare could read files or fill the memory.
        if b"<!DOCTYPE" in content:
            raise BadTable("A decision table has no document type; save it with Camunda Modeler.")
        parsed = self._engine.parse(self._bytes(content))
        if not parsed.isValid():
            raise BadTable(str(parsed.getFailureMessage()))
        return Graph(str(parsed.getId()), frozenset(str(one.getId()) for one in parsed.getDecisions()), parsed)

    def evaluate(self, graph: Graph, decision: str, variables: Mapping[str, Any]) -> Evaluation:  # Any: JSON
        """Evaluate one decision of a file, and those that it requires."""
        packed = self._buffer(self._packing.convertToMsgPack(json.dumps(variables)))
        found = self._engine.evaluateDecisionById(
            graph.parsed, decision, self._variables(self._packing.convertToMap(packed))
        )
        # A decision that several others require is evaluated for each, with the same result.
        matched = {
            str(one.decisionId()): [int(rule.ruleIndex()) for rule in one.matchedRules()]
            for one in found.getEvaluatedDecisions()
            if str(one.decisionType()) == "DECISION_TABLE"
        }
        if found.isFailure():
            return Evaluation(None, matched, str(found.getFailureMessage()))
        return Evaluation(json.loads(str(self._packing.convertToJson(found.getOutput()))), matched, None)


def _jars(settings: Settings) -> list[Path]:
    """Of a class in two jars, Java takes the one of the first."""
    store, versions = Store(settings.cache, settings.maven_repository), settings.versions
    quicker = [] if versions.feel_engine is None else [store.jar(versions.feel_engine)]
    return quicker + store.classpath(versions.decisions)


@dataclass(frozen=True, slots=True)
class Graph:
    """A parsed file."""

    id: str
    """Decision requirements id."""
    decisions: frozenset[str]
    parsed: Any  # Any: a Java object
