"""Prometheus metrics of workers and dispatchers. Names follow Prometheus' conventions: base units, `_total`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

JOBS_STARTED = Counter("fairlead_jobs_started", "Jobs taken up.", ["task"])
JOBS_FINISHED = Counter(
    "fairlead_jobs_finished",
    "Jobs answered: completed, business_error, retry, incident, handed_back, gone, unanswered.",
    ["task", "outcome"],
)
JOB_SECONDS = Histogram(
    "fairlead_job_seconds",
    "From taking up a job to the engine's receipt of the answer.",
    ["task"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
JOBS_RETRIED = Counter(
    "fairlead_jobs_retried",
    "Jobs given back to be tried again: failure, dependency_down, database_away (the last two use up no try).",
    ["task", "reason"],
)
JOBS_REPEATED = Counter("fairlead_jobs_repeated", "Redelivered jobs answered from the stored result.", ["task"])
JOBS_REDELIVERED = Counter("fairlead_jobs_redelivered", "Jobs delivered before without an answer.", ["task"])
JOBS_POISON = Counter("fairlead_jobs_poison", "Jobs refused, as they were delivered too often.", ["task"])
INSTANCES_PLACED = Counter(
    "fairlead_instances_placed",
    "New instances given their version while two run: canary or stable.",
    ["process", "version"],
)
INSTANCES_NOT_PLACED = Counter(
    "fairlead_instances_not_placed", "New instances that the engine did not move to the stable version.", ["process"]
)
JOBS_RUNNING = Gauge("fairlead_jobs_running", "Jobs at work in this process.")
JOBS_LATE = Counter("fairlead_jobs_extended", "Jobs that had waited long for a free slot, so that time was added.")
JOBS_HELD = Counter("fairlead_jobs_held", "Times a job at work was given more time by the engine.")
JOBS_WAITING = Gauge(
    "fairlead_jobs_waiting", "Jobs taken that wait for a free slot: pushed or found.", ["task", "origin"]
)
JOBS_URGENT = Counter(
    "fairlead_jobs_urgent", "Waiting jobs that were started before others, as they are due.", ["task"]
)
WORKER_LIMIT = Gauge("fairlead_worker_limit", "Jobs that may run at once: of a task, or of all.", ["task"])
WORKER_LIMIT_CHANGES = Counter(
    "fairlead_worker_limit_changes", "Changes of a limit, by why: latency, backpressure, room.", ["task", "why"]
)
ANSWERS_RETRIED = Counter("fairlead_answers_retried", "Answers the engine was too busy for at first.", ["task"])
DATABASE_AWAY = Counter("fairlead_database_away", "Times at which a job or a dispatcher found no database.")
STREAMS_OPEN = Gauge("fairlead_streams_open", "Open job streams of this process.")
STREAM_BREAKS = Counter("fairlead_stream_breaks", "Job streams that broke and were opened anew.", ["task"])

ROWS_EXPIRED = Counter("fairlead_rows_expired", "Rows of the runtime that had had their time.", ["table"])
CHORES_FAILED = Counter("fairlead_chores_failed", "Defects in what a dispatcher does beside sending.", ["chore"])
EVENTS_MISSED = Counter(
    "fairlead_events_missed", "Times at which events of another system were found missing.", ["system"]
)

BREAKER_STATE = Gauge("fairlead_breaker_state", "0 closed, 1 half-open (one call tries), 2 open.", ["dependency"])
BREAKER_REFUSED = Counter("fairlead_breaker_refused", "Calls not made, as the breaker was open.", ["dependency"])

BREAKER_OPENED = Counter(
    "fairlead_breaker_opened", "How often a breaker opened, failed probes included.", ["dependency"]
)

ORPHANS_WAITING = Gauge("fairlead_orphans", "Committed effects of jobs that nobody knows the end of yet.")
ORPHANS_SETTLED = Counter(
    "fairlead_orphans_settled", "Jobs of unknown end that were settled: undone, stands, nothing_to_undo.", ["outcome"]
)
ORPHANS_FAILED = Counter("fairlead_orphans_failed", "Orphaned effects whose undo failed, to be tried again.", ["task"])

OUTBOX_WAITING = Gauge("fairlead_outbox_rows", "Rows that wait in the outbox.", ["channel"])
OUTBOX_LAG = Gauge("fairlead_outbox_lag_seconds", "Age of the oldest row that waits.", ["channel"])
OUTBOX_SENT = Counter("fairlead_outbox_sent", "Rows delivered.", ["channel"])
OUTBOX_RETRIED = Counter("fairlead_outbox_retried", "Deliveries that failed and will be tried again.", ["channel"])
OUTBOX_DEAD = Counter("fairlead_outbox_dead", "Rows put among the dead letters.", ["channel"])
OUTBOX_SECONDS = Histogram(
    "fairlead_outbox_seconds",
    "From writing a row to its delivery.",
    ["channel"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600),
)

SPANS_EXPORTED = Counter("fairlead_spans_exported", "Spans that the collector of traces took.")
SPANS_DROPPED = Counter("fairlead_spans_dropped", "Spans lost: queue_full, not_exported (refused or away).", ["reason"])


def from_zero(counter: Counter, *labels: Iterable[str]) -> None:
    """Show a counter as 0 for each combination of these values of its labels, in their order, before it counts anything.

    To Prometheus a series that comes into being with 1 has not increased: an alert on it would miss the first time.
    """
    for values in itertools.product(*labels):
        counter.labels(*values)
