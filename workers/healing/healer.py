"""Looks for troubles round after round, asks the table what is to be done, and does it. Of several processes one works, the
others stand by; should one that was thought dead go on, each attempt is claimed in healing.cases before it is made.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from workers.engine.errors import UnreachableError
from workers.healing import cases, switch
from workers.healing.cases import Verdict
from workers.healing.hands import Hands
from workers.healing.model import Case, Report, Ruling, State, Trouble
from workers.healing.rules import Evaluator, RuleUnusable, judge
from workers.healing.watching import Watch
from workers.operations.audit import Actor
from workers.operations.dependencies import Probe
from workers.operations.model import Dependency, Done
from workers.runtime.database import Pool, noticing
from workers.runtime.errors import Unreachable
from workers.runtime.housekeeping import ended, regularly
from workers.settings import Settings

log = structlog.get_logger()

ATTEMPTS = Counter("fairlead_healing_attempts", "Attempts of self-healing, by what came of them.", ["rule", "outcome"])
ENDED = Counter("fairlead_healing_ended", "Troubles that ended: healed, or gone by themselves or by a person.", ["end"])
LIMITED = Counter(
    "fairlead_healing_limited", "Attempts put off as the rule's bound for the hour was reached.", ["rule"]
)
OPEN = Gauge("fairlead_healing_open", "Troubles that are open: waiting, limited, or given up.", ["rule", "state"])
ON = Gauge("fairlead_healing_on", "1 if troubles are healed, 0 if self-healing is switched off.")

ALONE = 0x0FA1_81EA_D0A1
"""Advisory lock key: whoever holds it heals."""
BEATS = 4
"""So often within the time after which it would be lost, a process that lives says so."""
AT_ONCE = 4
"""Attempts side by side: most of the time is waiting for database and engine."""
IN_A_ROUND = 500
"""The most attempts of one rule in a round, so that the others get their turn."""
AGAIN = timedelta(minutes=5)
"""When what was given up is judged again: the table may say something else by then."""
LIMITED_FOR = timedelta(minutes=1)
SETTLED = timedelta(seconds=30)
"""So long a trouble is not seen any more before it counts as healed; Camunda's search lags by some ten seconds."""


@dataclass
class _ByRule:
    """What a round makes of the troubles of one rule."""

    ruling: Ruling
    due: list[tuple[Trouble, Ruling]] = field(default_factory=list)
    """Each with what the table said of it: of the same rule, the pause may differ by attempts and age."""
    done: list[Done] = field(default_factory=list)
    would: int = 0
    waiting: int = 0
    limited: int = 0
    given_up: int = 0
    away: str = ""

    def report(self) -> Report:
        return Report(
            self.ruling.rule,
            self.ruling.action,
            self.done,
            self.would,
            self.waiting,
            self.limited,
            self.given_up,
            self.away,
        )


class Healer:
    """One round is `once`; `run` goes on until stopped."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        evaluator: Evaluator,
        watch: Watch,
        hands: Hands,
        probes: Mapping[Dependency, Probe],
        *,
        dry_run: bool = False,
        settled: timedelta = SETTLED,
        lost_seconds: float = 60.0,
    ) -> None:
        """With `dry_run` it only says what it would do. A process that the database has not heard of for `lost_seconds`
        loses its place to another one.
        """
        self._settings = settings
        self._pool = pool
        self._evaluator = evaluator
        self._watch = watch
        self._hands = hands
        self._probes = probes
        self._dry_run = dry_run
        self._settled = settled
        self._lost_seconds = lost_seconds
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.working = False
        """Whether this process is the one that heals."""

    async def run(self, stop: asyncio.Event, every_seconds: float) -> None:
        """Round after round; database, engine and REST may come and go."""
        while not stop.is_set():
            try:
                async with await AsyncConnection.connect(noticing(self._settings.dsn), autocommit=True) as guard:
                    await self._while_alone(guard, stop, every_seconds)
            except psycopg.Error as error:
                log.warning("database away", action="database_away", reason=type(error).__name__)
                await _wait(stop, every_seconds)

    async def _while_alone(self, guard: AsyncConnection[object], stop: asyncio.Event, every_seconds: float) -> None:
        async def heard() -> int:
            await guard.execute("SELECT")
            return 0

        # Else one that hangs, or whose machine is gone, would keep its place until TCP gives it up, and nobody heal.
        await guard.execute(
            "SELECT set_config('idle_session_timeout', %s, false)", (str(int(1000 * self._lost_seconds)),)
        )
        # A round may take longer than that, and so may the pause between two.
        beat = asyncio.create_task(regularly("healing's place", self._lost_seconds / BEATS, heard))
        try:
            while not stop.is_set():
                # Asked in each round, so that a broken connection, with which the lock is gone, shows.
                row = await (await guard.execute("SELECT pg_try_advisory_lock(%s)", (ALONE,))).fetchone()
                self.working = row == (True,)
                if self.working:
                    await self._round()
                await _wait(stop, every_seconds)
        finally:
            self.working = False
            await ended([beat])

    async def _round(self) -> None:
        try:
            for report in await self.once():
                _tell(report)
        except UnreachableError as error:  # REST went away in the middle; what was done is in the audit trail
            log.warning("round cut short", action="healing_cut_short", reason=str(error))

    async def once(self) -> list[Report]:
        """One round.

        Raises:
            psycopg.Error: the database is away.
            UnreachableError: Camunda's REST API went away in the middle.
        """
        position = await switch.read(self._pool, self._settings)
        ON.set(position.heals)
        troubles, looked = await self._watch.look()
        known = await cases.seen(self._pool, troubles)
        for end in await cases.end(self._pool, looked, known, self._settled):
            ENDED.labels(end).inc()
        now = datetime.now(UTC)
        due = list({one.key: one for one in troubles if known[one.key].next_at <= now}.values())
        try:
            rulings = await judge(self._evaluator, due, known, now)
        except Unreachable as error:
            log.warning("rules can't be asked", action="healing_without_rules", reason=str(error))
            return []
        by_rule, verdicts = self._sorted(due, rulings, known, now)
        spent = await cases.spent(self._pool, [one.ruling.actor for one in by_rule.values()])
        answers: dict[Dependency, bool] = {}
        for one in by_rule.values():
            await self._hold_back(one, verdicts, spent.get(one.ruling.actor, 0), answers, now)
            if not position.heals or self._dry_run:
                why = f"Would be done now: {one.ruling.why}"
                verdicts += [Verdict(trouble, "waiting", one.ruling.rule, why, now) for trouble, _ in one.due]
                one.would, one.due = len(one.due), []
        await cases.judged(self._pool, verdicts)
        for one in by_rule.values():
            one.done = await self._carry_out(one.due, known)
        await self._count()
        return [one.report() for one in by_rule.values()]

    def _sorted(
        self,
        due: Sequence[Trouble],
        rulings: Sequence[Ruling | RuleUnusable],
        known: Mapping[tuple[str, str], Case],
        now: datetime,
    ) -> tuple[dict[str, _ByRule], list[Verdict]]:
        """By rule: what may be done now, and what is decided of the rest."""
        found: dict[str, _ByRule] = {}
        verdicts: list[Verdict] = []
        for trouble, ruling in zip(due, rulings, strict=True):
            if isinstance(ruling, RuleUnusable):
                verdicts.append(Verdict(trouble, "given_up", "", str(ruling), now + AGAIN))
                continue
            case, of_rule = known[trouble.key], found.setdefault(ruling.rule, _ByRule(ruling))
            time = max(case.since, case.last_at or case.since) + ruling.wait
            if ruling.action == "wait":
                verdicts.append(Verdict(trouble, "waiting", ruling.rule, ruling.why, now + ruling.wait))
                of_rule.waiting += 1
            elif ruling.action == "none" or case.attempts >= ruling.per_case:
                why = ruling.why if ruling.action == "none" else f"Tried {case.attempts} times in vain. {ruling.why}"
                verdicts.append(Verdict(trouble, "given_up", ruling.rule, why, now + AGAIN))
                of_rule.given_up += 1
            elif time > now:
                verdicts.append(Verdict(trouble, "waiting", ruling.rule, ruling.why, time))
                of_rule.waiting += 1
            else:
                of_rule.due.append((trouble, ruling))
        return found, verdicts

    async def _hold_back(
        self, one: _ByRule, verdicts: list[Verdict], spent: int, answers: dict[Dependency, bool], now: datetime
    ) -> None:
        """Take out what its dependency, or the rule's bound, does not allow now."""
        ruling, needed = one.ruling, one.ruling.waits_for
        state: State
        if one.due and needed is not None and not await self._answers(needed, answers):
            one.away, held, state, why, until = needed, one.due, "waiting", f"Waits until this answers: {needed}.", now
            one.waiting += len(held)
        else:
            held, state, until = one.due[max(0, ruling.per_hour - spent) :], "limited", now + LIMITED_FOR
            why = f"Put off: {ruling.rule} may do {ruling.per_hour} an hour."
            one.limited = len(held)
            LIMITED.labels(ruling.rule).inc(len(held))
        verdicts += [Verdict(trouble, state, ruling.rule, why, until) for trouble, _ in held]
        one.due = one.due[: min(len(one.due) - len(held), IN_A_ROUND)]

    async def _answers(self, name: Dependency, answers: dict[Dependency, bool]) -> bool:
        if name not in answers:
            answers[name] = await self._probes[name]()
        return answers[name]

    async def _carry_out(
        self, due: Sequence[tuple[Trouble, Ruling]], known: Mapping[tuple[str, str], Case]
    ) -> list[Done]:
        tasks = [asyncio.create_task(self._attempt(ruling, one, known[one.key].attempts)) for one, ruling in due]
        try:
            return [await task for task in tasks]
        finally:
            await ended(tasks)  # without the database there is no going on with the others

    async def _attempt(self, ruling: Ruling, trouble: Trouble, attempts: int) -> Done:
        async with self._gate:
            if not await cases.claim(self._pool, trouble, attempts, ruling):
                outcome = "refused: somebody else was quicker, or self-healing was switched off"
                done = Done(trouble.subject, trouble.business_id, outcome)
            else:
                actor = Actor(ruling.actor, f"Try {attempts + 1} of {ruling.per_case}: {ruling.why}")
                done = await self._hands.act(ruling.action, trouble, actor)
                if done.outcome.startswith("failed"):
                    await cases.give_back(self._pool, trouble, attempts)
            ATTEMPTS.labels(ruling.rule, done.outcome.partition(":")[0]).inc()
            return done

    async def _count(self) -> None:
        OPEN.clear()
        for rule, state, number in await cases.open_by_rule(self._pool):
            OPEN.labels(rule, state).set(number)


def _tell(report: Report) -> None:
    if report.done or report.away or report.would or report.limited:
        done = sum(one.ok for one in report.done)
        log.info(
            "healing round", action="healing_round", rule=report.rule, done=done, not_done=len(report.done) - done,
            would=report.would, waiting=report.waiting, limited=report.limited, given_up=report.given_up,
            away=report.away,
        )  # fmt: skip


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
