"""Which elements of a running instance Zeebe moves to another version of its process, and which it refuses.

What is said here is what the engine checks itself (`ProcessInstanceMigrationPreconditions` in its engine module, read
in 8.6.0, 8.7.0 and 8.8.21): asked beforehand, so that a plan can say for each instance why. The engine has the last word.
Reference: https://docs.camunda.io/docs/components/concepts/process-instance-migration/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workers.runtime.drawing import Drawing, Shape

_MOVED = {
    "SERVICE_TASK", "USER_TASK", "SUB_PROCESS", "CALL_ACTIVITY", "INTERMEDIATE_CATCH_EVENT", "RECEIVE_TASK",
    "EVENT_SUB_PROCESS", "EXCLUSIVE_GATEWAY", "EVENT_BASED_GATEWAY", "BUSINESS_RULE_TASK", "SCRIPT_TASK", "SEND_TASK",
}  # fmt: skip
_WAITED_FOR = {"MESSAGE", "TIMER", "SIGNAL"}
BODY = "MULTI_INSTANCE_BODY"
"""What Zeebe calls the instance around those of the single entries of a list."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a version of the engine moves."""

    types: frozenset[str]
    """Of active elements."""
    attached: frozenset[str]
    """Kinds of events that may be attached to an active element."""
    by_event: frozenset[str]
    """Kinds of events that may start an event subprocess beside an active element."""


_OLD = frozenset({"MESSAGE", "TIMER", "SIGNAL", "ERROR"})
_RULES = {
    (8, 6): Rules(frozenset(_MOVED), _OLD, _OLD),
    (8, 8): Rules(
        frozenset(_MOVED | {"PARALLEL_GATEWAY", "INCLUSIVE_GATEWAY"}),
        _OLD | {"ESCALATION", "COMPENSATION"},
        _OLD | {"ESCALATION"},
    ),
}


def rules_of(version: str) -> Rules:
    """What the engine of a version, for instance ``8.6.0``, moves; a newer one at least what the last known one does."""
    major, minor = (int(part) for part in version.split(".")[:2])
    known = [given for given in _RULES if given <= (major, minor)]
    return _RULES[max(known, default=min(_RULES))]


def mapping(old: Drawing, new: Drawing, renamed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which element of the new version stands for each of the old one: that of the same id, or as `renamed` says.

    Only those that fit are in it: of the same type and event, in scopes and on hosts that stand for each other. Joining
    gateways bring their sequence flows, by which the engine counts who has come.
    """
    wanted = {shape: shape for shape in old.shapes} | dict(renamed or {})
    found = {was: is_ for was, is_ in wanted.items() if was in old.shapes and is_ in new.shapes}
    while wrong := [was for was, is_ in found.items() if misfit(old, new, found, was, is_)]:
        for one in wrong:
            del found[one]
    joins = {join.id: found[join.id] for join in old.joins() if join.id in found}
    for was, is_ in joins.items():
        found |= {line: line for line in old.into(was) & new.into(is_)}
    return found


def misfit(old: Drawing, new: Drawing, found: Mapping[str, str], was: str, is_: str) -> str | None:
    """Why an element can't stand for another one; None if it can."""
    before, after = old.shapes[was], new.shapes[is_]
    scope = new.process if before.scope == old.process else found.get(before.scope)
    host = found.get(before.host) if before.host else None
    kinds = [bool(shape.job_type) and shape.type == "USER_TASK" for shape in (before, after)]
    differences = [
        (before.type != after.type, f"{was} is a {before.type}, {is_} a {after.type}"),
        (before.event != after.event, f"{was} waits for {before.event}, {is_} for {after.event}"),
        (before.loop != after.loop, f"{was} runs {before.loop or 'once'}, {is_} {after.loop or 'once'}"),
        (kinds[0] != kinds[1], f"{was} and {is_} are user tasks of different kinds"),
        (
            scope != after.scope,
            f"{was} lies in {before.scope}, {is_} in {after.scope}: an element can't change its subprocess",
        ),
        (host != after.host, f"{was} is attached to {before.host}, {is_} to {after.host}"),
    ]
    return next((why for differs, why in differences if differs), None)


@dataclass(frozen=True, slots=True)
class Move:
    """One version to another, by a mapping."""

    old: Drawing
    new: Drawing
    mapped: Mapping[str, str]
    rules: Rules

    def hindrances(self, active: Iterable[tuple[str, str]], done: Iterable[str] = ()) -> list[str]:
        """Why an instance can't be moved; empty if it can.

        `active` has element id and Zeebe's type of each of its active elements but the process itself; `done` the ids
        of the elements that it has completed.
        """
        here = set(active)
        found = self._scope(self.old.process, self.new.process)
        for element, kind in sorted(here):
            found += self._element(element, kind)
        found += self._joins({element for element, _ in here})
        found += self._undoing(set(done))
        return list(dict.fromkeys(found))

    def remarks(self, active: Iterable[tuple[str, str]]) -> list[str]:
        """What stays as it was, though the new version says otherwise: jobs, forms, due dates, times that run."""
        found = []
        for element in sorted({element for element, _ in active if element in self.mapped}):
            before, after = self.old.shapes[element], self.new.shapes[self.mapped[element]]
            if before.job_type != after.job_type:
                found.append(f"{element}: its job keeps the type {before.job_type}, not {after.job_type}")
            elif before.content != after.content and before.type != "SUB_PROCESS":
                found.append(f"{element} is drawn anew: what it began with (form, inputs, due date) stays as it was")
            changed = [
                event.id
                for event in self.old.attached(element)
                if event.id in self.mapped and event.content != self.new.shapes[self.mapped[event.id]].content
            ]
            found += [f"{event}: a time that runs goes on running as it was set" for event in changed]
        return found

    def _element(self, element: str, kind: str) -> list[str]:
        shape = self.old.shapes.get(element)
        if shape is None:
            return [f"{element} is not in the diagram of the version it is said to have"]
        if kind not in self.rules.types | {BODY}:
            return [f"{element} is a {kind}, which this engine does not move"]
        if shape.type == "INTERMEDIATE_CATCH_EVENT" and shape.event not in _WAITED_FOR:
            return [f"{element} waits for {shape.event}, which this engine does not move"]
        target = self.mapped.get(element)
        if target is None:
            return [self._lost(shape)]
        found = []
        for drawing, one in ((self.old, element), (self.new, target)):
            odd = sorted({str(e.event) for e in drawing.attached(one)} - self.rules.attached)
            found += [f"{one} has attached events of type {kind_}, which this engine does not move" for kind_ in odd]
        if kind in {"SUB_PROCESS", "EVENT_SUB_PROCESS"}:
            found += self._scope(element, target)
        return found + self._messages(self.old.attached(element), self.new.attached(target))

    def _lost(self, shape: Shape) -> str:
        if shape.id not in self.new.shapes:
            return f"{shape.id} is gone from the new version; if another element stands for it, say so by --map"
        why = misfit(self.old, self.new, self.mapped, shape.id, shape.id)
        return why or f"nothing stands for {shape.id}"

    def _scope(self, scope: str, target: str) -> list[str]:
        before, after = self.old.by_event(scope), self.new.by_event(target)
        odd = sorted({str(one.event) for one in [*before, *after]} - self.rules.by_event)
        found = [f"an event subprocess is started by {kind}, which this engine does not move" for kind in odd]
        return found + self._messages(before, after)

    def _messages(self, before: list[Shape], after: list[Shape]) -> list[str]:
        """A message that is waited for can't be waited for anew; it has to be mapped."""
        kept = {self.mapped[one.id] for one in before if one.id in self.mapped}
        names = {one.message for one in before if one.message}
        return [
            f"{one.id} waits for the message {one.message}, which is waited for already by another element"
            for one in after
            if one.message in names and one.id not in kept
        ]

    def _joins(self, here: set[str]) -> list[str]:
        """Who waits at a joining gateway is no active element: the engine finds it by the gateway and its flows."""
        ahead = {one for element in here if element in self.old.shapes for one in self.old.reached(element)}
        found = []
        for join in self.old.joins():
            target = self.mapped.get(join.id)
            if join.id not in ahead or (target and self.old.into(join.id) <= self.new.into(target)):
                continue
            found.append(f"{join.id}, where others may wait already, is gone or has lost a way into it")
        return found

    def _undoing(self, done: set[str]) -> list[str]:
        """What was done must be undone by the same activity in the new version."""
        found = []
        for event in self.old.shapes.values():
            if event.event != "COMPENSATION" or event.host not in done:
                continue
            after = self.new.shapes.get(self.mapped.get(event.id, ""))
            if after is None or after.handler != event.handler:
                found.append(f"{event.host} is done, and {event.handler}, which undoes it, is not in the new version")
        return found
