"""The decision tables of lead routing, in use and changed, evaluated on past leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from pydantic import ValidationError

from workers.engine.decisions import BadTable, DecisionEngine, Evaluation, Graph
from workers.lead_routing.domain.routing import Routing
from workers.lead_routing.domain.score import Score
from workers.runtime.task import Contract
from workers.what_if.errors import Refused
from workers.what_if.reading import PastLead

ROUTING, FALLBACK = "lead_routing_rules", "lead_fallback_score"
CALLED: Mapping[str, str] = {ROUTING: "routing_decision", FALLBACK: "fallback_score"}
"""By file (decision requirements id), the decision that the process calls."""

_DMN = "{*}"  # whichever version of DMN


class _Decided(Contract):
    """As the tasks after `routing_decision` take it."""

    routing: Routing


class _Scored(Contract):
    """As the tasks after `fallback_score` take it."""

    score: Score


@dataclass(frozen=True, slots=True)
class Decided:
    """What the tables say of a lead."""

    score: Score
    routing: Routing | None
    fault: str | None
    """Why there is no routing."""
    matched: Mapping[str, list[int]]


class Tables:
    """A pair of files, as a deployment would have them."""

    def __init__(self, engine: DecisionEngine, files: Mapping[str, bytes]) -> None:
        self._engine = engine
        self._graphs = {name: parsed(engine, content) for name, content in files.items()}

    def decide(self, lead: PastLead) -> Decided:
        """Evaluate as the process does: a score by the table where the model gave none, then the routing."""
        variables = {"lead": lead.lead, "account": lead.account, "enrichment": lead.enrichment, "score": lead.score}
        matched: dict[str, list[int]] = {}
        score = _Scored.model_validate({"score": lead.score}).score
        if lead.score["source"] == "table":
            found = self._call(FALLBACK, variables)
            matched |= found.matched
            try:
                score = _Scored.model_validate({"score": _output(found)}).score
            except (_Failed, ValidationError) as error:
                return Decided(score, None, _words(CALLED[FALLBACK], error), matched)
            variables["score"] = asdict(score)
        found = self._call(ROUTING, variables)
        matched |= found.matched
        try:
            return Decided(score, _Decided.model_validate({"routing": _output(found)}).routing, None, matched)
        except (_Failed, ValidationError) as error:
            return Decided(score, None, _words(CALLED[ROUTING], error), matched)

    def _call(self, file: str, variables: Mapping[str, Any]) -> Evaluation:  # Any: JSON
        return self._engine.evaluate(self._graphs[file], CALLED[file], variables)


def parsed(engine: DecisionEngine, content: bytes) -> Graph:
    """A file, if lead routing can call it.

    Raises:
        Refused: the engine would refuse it, it is no table of lead routing, or lacks the decision that is called.
    """
    try:
        graph = engine.parse(content)
    except BadTable as error:
        raise Refused(f"The engine refuses this file: {error}") from None
    if graph.id not in CALLED:
        raise Refused(
            f"This file is {graph.id}. A what-if replays leads, which {' and '.join(CALLED)} decide: change one of "
            "these, and keep its id."
        )
    if CALLED[graph.id] not in graph.decisions:
        raise Refused(
            f"The process calls the decision {CALLED[graph.id]}, which is missing in this file. It has: "
            f"{', '.join(sorted(graph.decisions))}."
        )
    return graph


def rule_texts(files: Iterable[bytes]) -> dict[str, list[str]]:
    """By decision, each rule's cells: what it asks and what it answers, by the columns' labels."""
    found: dict[str, list[str]] = {}
    # The engine has parsed them, and they declare no document type.
    roots = [ElementTree.fromstring(content) for content in files]  # noqa: S314 - see above
    for decision in (each for root in roots for each in root.findall(f"{_DMN}decision")):
        table = decision.find(f"{_DMN}decisionTable")
        if table is None:
            continue
        asked = [
            one.get("label") or _text(one, f"{_DMN}inputExpression/{_DMN}text") for one in table.findall(f"{_DMN}input")
        ]
        answered = [one.get("name") or one.get("label") or "" for one in table.findall(f"{_DMN}output")]
        found[decision.get("id", "")] = [
            f"{_cells(asked, rule, 'inputEntry') or 'always'} → {_cells(answered, rule, 'outputEntry')}"
            for rule in table.findall(f"{_DMN}rule")
        ]
    return found


def _cells(names: list[str], rule: ElementTree.Element, kind: str) -> str:
    texts = [_text(cell, f"{_DMN}text") for cell in rule.findall(f"{_DMN}{kind}")]
    return ", ".join(f"{name} {text}" for name, text in zip(names, texts, strict=False) if text not in {"", "-"})


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


class _Failed(Exception):
    """The engine could not evaluate; the message is its reason."""


def _output(found: Evaluation) -> object:
    if found.failure is not None:
        raise _Failed(found.failure)
    return found.output


def _words(decision: str, error: _Failed | ValidationError) -> str:
    if isinstance(error, _Failed):
        return str(error)
    lacking = sorted({".".join(str(part) for part in fault["loc"][1:]) for fault in error.errors(include_input=False)})
    fields = ", ".join(field for field in lacking if field)
    return f"{decision} gives nothing usable for {fields}." if fields else f"{decision} gives no result."
