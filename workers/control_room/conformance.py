"""What happened in an instance and its diagram does not allow: a token replay over the elements that the engine recorded.

The engine records gateways and events as it records tasks, so that the replay knows almost all and has little to guess. Each
element that began needs a token on one of its incoming sequence flows (a joining gateway: on each), which an element of the
same scope left there when it completed; a choosing gateway leaves one for all of its flows together. Whose token an element
took is a matching: a token is given to another taker, if its first one can take another (Kuhn 1955). Tokens that are left
over are none of its business: the engine leaves none, unless something else ended the scope.

After Rozinat and van der Aalst, "Conformance checking of processes based on monitoring real behavior", Information Systems
33 (2008), of which this is the half that counts missing tokens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from workers.control_room.diagrams import CHOOSING, JOINING, Diagram, Node

MOST_OPEN = 50
"""Tokens of a flow that are kept while it is not sure who took them; an engine has one or two of them at a time."""


@dataclass(frozen=True, slots=True)
class Step:
    """An element instance that the engine recorded."""

    key: int
    """Keys grow in the order in which elements begin."""
    element: str
    kind: str
    """As Zeebe names it: ``SERVICE_TASK``, …"""
    scope_key: int
    completed: bool
    """Not ended by something else."""
    milliseconds: int = 0
    process_key: int = 0
    """Of the version under which it was recorded last."""


def unexplained(diagram: Diagram, steps: Sequence[Step]) -> Counter[str]:
    """The elements that began though nothing led to them, and how often; those the diagram does not have are left out.

    `steps` are all of an instance that has ended, in the order of their keys.
    """
    replay = _Replay(diagram, {step.key: step for step in steps})
    return Counter(step.element for step in steps if step.element in diagram.nodes and not replay.take(step))


def is_inner(step: Step, steps: dict[int, Step]) -> bool:
    """Whether it is one of the instances in a multi-instance body, which bears the same id."""
    body = steps.get(step.scope_key)
    return body is not None and body.element == step.element


@dataclass(eq=False, slots=True)
class _Token:
    """Left by an element that completed; it can be taken once."""

    shared: bool
    """It is on all flows of a gateway that chooses."""
    gone: bool = False
    """Taken for good: its taker could take no other, or nobody else could have taken it."""
    taker: _Need | None = None


@dataclass(eq=False, slots=True)
class _Need:
    """An element's need of one token, and all that would do."""

    choice: list[_Token]


@dataclass(slots=True)
class _Replay:
    diagram: Diagram
    steps: dict[int, Step]
    tokens: dict[tuple[int, str], list[_Token]] = field(default_factory=lambda: defaultdict(list))
    """By scope and sequence flow."""
    seen: Counter[tuple[int, str]] = field(default_factory=Counter)
    """How often an element began in a scope."""
    cut: Counter[tuple[int, str]] = field(default_factory=Counter)
    """How often it was ended there by something else."""
    done: Counter[str] = field(default_factory=Counter)
    """How often an element completed anywhere, less what undid it."""

    def take(self, step: Step) -> bool:
        """Replay one step; whether it is explained."""
        if is_inner(step, self.steps):  # its body was explained, and leaves the tokens
            self.done[step.element] += step.completed
            return True
        node, at = self.diagram.nodes[step.element], (step.scope_key, step.element)
        explained = self._explained(node, step)
        self.seen[at] += 1
        self.cut[at] += not step.completed
        if step.completed:
            self.done[step.element] += 1
            for flow in node.outgoing if node.kind not in CHOOSING else ():
                self.tokens[step.scope_key, flow].append(_Token(shared=False))
            if node.kind in CHOOSING:
                self._share(node, step.scope_key)
        return explained

    def _explained(self, node: Node, step: Step) -> bool:
        scope = step.scope_key
        if node.compensated:
            self.done[node.compensated] -= node.kind != "boundaryEvent"
            return self.done[node.compensated] >= 0
        if node.host:
            # An interrupting one has cut its host short, each time another.
            cut = self.cut[scope, node.host]
            return cut > self.seen[scope, node.id] if node.interrupting else self.seen[scope, node.host] > 0
        if node.event_subprocess or self._in_ad_hoc(step):
            return True
        if node.kind == "startEvent":
            return self.seen[scope, node.id] == 0
        wanted = [[flow] for flow in node.incoming] if node.kind == JOINING else [list(node.incoming)]
        found = [self._give(scope, flows) for flows in wanted]  # of all, also where one is missing
        return all(found)

    def _in_ad_hoc(self, step: Step) -> bool:
        scope = self.steps.get(step.scope_key)
        return scope is not None and scope.kind == "AD_HOC_SUB_PROCESS"

    def _share(self, node: Node, scope: int) -> None:
        token = _Token(shared=True)
        for flow in node.outgoing:
            self.tokens[scope, flow].append(token)

    def _give(self, scope: int, flows: Iterable[str]) -> bool:
        """A token of one of these flows, if there is one."""
        there: list[_Token] = []
        for flow in flows:
            left = [token for token in self.tokens[scope, flow] if not token.gone]
            self.tokens[scope, flow] = left[-MOST_OPEN:]
            there += self.tokens[scope, flow]
        sure = next((token for token in there if not token.shared), None)
        if sure is None and len(there) == 1 and there[0].taker is None:
            sure = there[0]
        if sure is not None:
            sure.gone = True
            return True
        return _match(_Need(there), set())


def _match(need: _Need, tried: set[int]) -> bool:
    """Give a need one of its tokens, if need be by giving that one's taker another."""
    for token in sorted(need.choice, key=lambda one: one.taker is not None):
        if token.gone or id(token) in tried:
            continue
        tried.add(id(token))
        if token.taker is None or _match(token.taker, tried):
            token.taker = need
            return True
    return False
