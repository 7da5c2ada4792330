"""Asks the decision table `healing_rule`, on the engine, in its newest version."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from pydantic import ValidationError

from workers.healing.model import NO_RULE, Case, Json, Ruling, Trouble
from workers.runtime.errors import PermanentError
from workers.runtime.zeebe_types import Decision

log = structlog.get_logger()

DECISION = "healing_rule"
AT_ONCE = 8
"""Evaluations under way at a time."""


class RuleUnusable(ValueError):
    """The table answers what can't be carried out; the message says where."""


class Evaluator(Protocol):
    """Who evaluates: `runtime.zeebe.ZeebeClient`."""

    async def evaluate_decision(self, decision_id: str, variables: Json) -> Decision:
        """Evaluate the newest version of a decision."""


async def judge(
    evaluator: Evaluator, troubles: Sequence[Trouble], cases: Mapping[tuple[str, str], Case], now: datetime
) -> list[Ruling | RuleUnusable]:
    """What the table says of each. Those that are alike in all that a rule may ask are asked for once.

    Raises:
        EngineBusy: the engine can't be asked now.
    """
    facts = [one.facts(cases[one.key], now) for one in troubles]
    asked = {json.dumps(one): one for one in facts}
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(given: Json) -> Ruling | RuleUnusable:
        async with gate:
            try:
                return _ruling((await evaluator.evaluate_decision(DECISION, given)).output)
            except PermanentError as error:  # a cell fails on this trouble; others may have their rule all the same
                log.warning("rules can't be asked", action="healing_rule_unusable", reason=str(error))
                return RuleUnusable(f"The table {DECISION} can't be asked: {error} Correct it, deploy it.")

    answers = dict(zip(asked, await asyncio.gather(*map(ask, asked.values())), strict=True))
    return [answers[json.dumps(one)] for one in facts]


def _ruling(output: object) -> Ruling | RuleUnusable:
    if output is None:
        return NO_RULE
    try:
        return Ruling.model_validate(output)
    except ValidationError as error:
        first = error.errors()[0]
        named = output.get("rule") if isinstance(output, dict) else None
        column = ".".join(map(str, first["loc"]))
        wrong = RuleUnusable(
            f"The rule {named} of {DECISION} can't be carried out: {column}: {first['msg']}. Correct the table, deploy it."
        )
        log.warning("rule unusable", action="healing_rule_unusable", rule=named, column=column)
        return wrong
