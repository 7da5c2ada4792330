"""What `zeebe` gives and raises, for modules that need no gRPC.

TransientError
└── EngineBusy     away, overloaded or too slow: try again
    └── Overloaded     it says so, or does not answer in time
PermanentError
├── Refused        the engine looked at it and said no
├── JobGone        the job was completed, cancelled, or failed by somebody else
│   └── JobNotFound    the engine does not know it (any more)
└── TooBig         the variables don't fit into one message
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from workers.runtime.errors import PermanentError, Unreachable


class EngineBusy(Unreachable):
    """The engine is away, overloaded or too slow."""

    runbook = "engine-away"


class Overloaded(EngineBusy):
    """The engine pleads back-pressure, or took too long to answer: ask for less at once."""


class Refused(PermanentError):
    """The engine refused the request."""


class JobGone(Refused):
    """The job is no longer ours: completed, cancelled or timed out."""


class JobForgotten(JobGone):
    """The engine was away since it handed the job out, and may know another one by its key: it is not answered."""


class JobNotFound(JobGone):
    """The engine does not know the job: it was completed, or its element was ended."""


class TooBig(PermanentError):
    """The variables are larger than the engine takes in one message (4 MB); keep big data in the database."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the engine handed it out."""

    key: int
    type: str
    process_instance_key: int
    process_definition_key: int
    bpmn_process_id: str
    element_id: str
    element_instance_key: int
    retries: int
    deadline: int
    """Milliseconds since 1970 by the engine's clock: when the engine gives the job to somebody else."""
    variables: dict[str, Any]  # Any: JSON
    arrived_ns: int = field(default_factory=time.time_ns)
    """When it reached us, in nanoseconds since 1970 by our clock."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One process, decision, decision requirements graph or form of a deployment."""

    kind: str
    id: str
    version: int
    key: int
    file: str
    """Name it was deployed under; empty for a decision (its decision requirements graph has it)."""
    parent: int = 0
    """For a decision: key of its decision requirements graph."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision table, or a graph of them, answered."""

    output: Any  # Any: JSON
    version: int
    matched: dict[str, list[int]]
    """For each evaluated decision, the 1-based numbers of the rules that matched."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The cluster as its gateway sees it."""

    gateway_version: str
    brokers: int
    partitions: int
    healthy: bool
    """Whether every partition has a healthy leader."""
