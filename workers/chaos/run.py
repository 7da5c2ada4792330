"""One run: a stack, load, faults by schedule, everything healed, quiet, and the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from workers.chaos import canary
from workers.chaos.checker.checking import Verdict, check
from workers.chaos.checker.engine import named, read_engine
from workers.chaos.checker.evidence import Evidence, Ledger, read_mails, read_tables
from workers.chaos.faults import Injector
from workers.chaos.load import Book, Load, open_load
from workers.chaos.schedule import Fault, Schedule
from workers.chaos.stage import SERVING, Stage, open_stage
from workers.settings import Settings

LEDGER = "ledger.jsonl"
BACK_SECONDS = 300.0
"""The most that is waited until every program is ready again."""
ANSWERS_SECONDS = 240.0
"""The most that people go on after all is back: each refusal makes another round, and a long day has many."""
QUIET_SECONDS = 300.0
"""The most that is waited while it gets no better, until everything adds up."""
LOOK_SECONDS = 3.0
AHEAD_SECONDS = 60.0
"""After so long the clock is moved past the time-outs of jobs that were taken while it was ahead."""
PROGRESS_SECONDS = 30.0

_PROGRESS = "SELECT state, count(*) FROM routing.leads GROUP BY state ORDER BY 2 DESC"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do."""

    schedule: Schedule
    rate_per_minute: float
    serving: tuple[str, ...] = SERVING
    """What Python is told to run the workers by."""
    canary: float = 0.0
    """Share of the leads that a second version of lead routing gets; 0: there is one version."""
    patience: float = QUIET_SECONDS
    """Seconds that are waited, at the most, while it gets no better, until everything is answered, and then adds up."""


@dataclass
class Outcome:
    """What a run gave."""

    plan: Plan
    done: list[Fault] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    verdict: Verdict | None = None
    """None: it never came to that."""
    quiet_seconds: float | None = None
    """From healed until everything added up; None: it never did."""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether the checker looked at leads and found nothing wrong."""
        return self.verdict is not None and not self.verdict.violations and self.verdict.counts["leads accepted"] > 0


async def run(settings: Settings, plan: Plan, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Carry out the plan; `outcome` is filled while it goes on, so that an interruption loses nothing.

    Raises:
        EngineError, StackFailed: the stack did not start.
    """
    began = time.monotonic()
    leads = round(plan.rate_per_minute * plan.schedule.minutes)
    async with open_stage(settings, leads=leads, serving=plan.serving, say=say) as stage:
        if plan.canary:
            say(f"a second version of lead routing gets {plan.canary:.0%} of the leads")
            await canary.begin_when_known(settings, plan.canary, settings.home / "canary")
        ledger = settings.home / LEDGER
        async with open_load(settings, plan.schedule.seed, ledger) as load:
            injector = Injector(stage, say)
            outcome.done, outcome.missed = injector.done, injector.missed
            async with asyncio.TaskGroup() as group:
                people = group.create_task(load.work())
                try:
                    await _hurt(stage, plan, load, injector, say)
                    say("everything is healed; waiting until it is back")
                    await _until_back(stage, injector, say)
                    say("waiting until people have answered what is due")
                    await _until_answered(load, injector, plan.patience, say)
                finally:
                    people.cancel()
                    await injector.heal()
            say("waiting until it is quiet")
            await _until_clean(stage, load.book, injector, outcome, say)
    outcome.seconds = time.monotonic() - began


async def _hurt(stage: Stage, plan: Plan, load: Load, injector: Injector, say: Callable[[str], None]) -> None:
    """Feed and carry out the schedule, then heal; returns when each lead was answered."""
    progress = asyncio.create_task(_progress(stage, load.book, injector, plan, say))
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(load.feed(plan.rate_per_minute, plan.schedule.minutes * 60))
            await injector.run(plan.schedule)
            await injector.heal()
            await feeding
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)


async def _progress(stage: Stage, book: Book, injector: Injector, plan: Plan, say: Callable[[str], None]) -> None:
    """Say from time to time how far it is."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        try:
            states = ", ".join(
                f"{n} {state}" for state, n in await asyncio.to_thread(_rows, stage.settings.dsn, _PROGRESS)
            )
        except psycopg.Error as error:
            states = f"the database does not answer ({type(error).__name__})"
        of = len(plan.schedule.faults)
        say(
            f"{time.monotonic() - began:7.0f} s  == {len(injector.done)} of {of} faults, {len(book.accepted)} leads accepted, "
            f"{len(book.withdrawn)} withdrawn: {states}"
        )


def _rows(dsn: str, query: str) -> list[tuple[str, int]]:
    with psycopg.connect(dsn, connect_timeout=5, options="-c statement_timeout=5000") as connection:
        return [(row[0], row[1]) for row in connection.execute(query.encode()).fetchall()]


async def _until_back(stage: Stage, injector: Injector, say: Callable[[str], None]) -> None:
    """Wait until every program is ready; one that never gets there is for the checker to tell."""
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        missing = {one.program.name: one.problem for one in await stage.stack.health() if one.problem is not None}
        if not missing:
            return
        await injector.revive()
        await asyncio.sleep(LOOK_SECONDS)
    say(f"not back after {BACK_SECONDS:g} s: {missing}")


async def _until_answered(load: Load, injector: Injector, patience: float, say: Callable[[str], None]) -> None:
    """Let people go on until no lead wants an answer or may soon, or until for so many seconds nobody could give one and
    nothing moved: they find their tasks by Camunda's search, which after many faults may be minutes behind.
    """
    began = since = looked = time.monotonic()
    answers, least = load.answers, float("inf")
    while looked - since < patience and looked - began < ANSWERS_SECONDS:
        with contextlib.suppress(psycopg.OperationalError):
            left = await load.unanswered()
            if not left:
                return
            if load.answers > answers or left < least:
                answers, least, since = load.answers, min(least, left), looked
        # However many answers trickle in meanwhile: those of leads whose job waits for the clock would take hours.
        if looked - began > AHEAD_SECONDS:
            await injector.pass_time_outs()
        await asyncio.sleep(LOOK_SECONDS)
        looked = time.monotonic()
    say(f"people stop after {looked - began:.0f} s; the last answer, or move of a lead, was {looked - since:.0f} s ago")


async def _until_clean(
    stage: Stage, book: Book, injector: Injector, outcome: Outcome, say: Callable[[str], None]
) -> None:
    """Judge until nothing is wrong any more, or it gets no better: what is under way looks wrong until it is through, and
    after a long day on a slow machine much is.
    """
    began, patience = time.monotonic(), outcome.plan.patience
    better, least = began, float("inf")
    said: Counter[str] | None = None
    while (looked := time.monotonic()) - better < patience:
        waited = looked - began
        with contextlib.suppress(psycopg.OperationalError, httpx.HTTPError):
            outcome.verdict = await asyncio.to_thread(_judge, stage.settings, book)
            wrong = Counter(violation.rule for violation in outcome.verdict.violations)
            if wrong.total() < least:
                better, least = time.monotonic(), wrong.total()
            if not wrong and (not outcome.verdict.stopped or waited > patience / 2):
                outcome.quiet_seconds = waited
                return
            if wrong != said:
                under_way = ", ".join(f"{n} {rule}" for rule, n in wrong.most_common()) or "repairs under way"
                say(f"{waited:7.0f} s  not yet: {under_way}")
                said = wrong
        if waited > AHEAD_SECONDS:
            await injector.pass_time_outs()
        await asyncio.sleep(max(LOOK_SECONDS, time.monotonic() - looked))


def _judge(settings: Settings, book: Book) -> Verdict:
    """Read everything and judge it. The engine first: its search lags, and what it knows the database must know."""
    zeebe = settings.zeebe
    engine = read_engine(settings.camunda_url, zeebe.username, zeebe.password.get_secret_value())
    tables = read_tables(settings.dsn)
    mails = read_mails(Path(settings.home) / "mail")
    ledger = Ledger(dict(book.accepted), frozenset(book.asked), frozenset(book.withdrawn))
    return check(Evidence(tables, mails, named(engine, tables["choices"]), ledger))
