"""The task decorator. It only records what a task is; `workers.runtime.worker` binds and runs it.

A task is one frozen pydantic input model, one output model, one plain async function ``(given, ports) -> output``
and the business errors it may raise. Its job type is ``<context>.<function>``; the BPMN element that runs it has
the function's name as its id, with ``__<place>`` appended where a diagram uses the task more than once.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from workers.runtime.errors import BusinessError

Effect = Literal["once", "idempotent", "none"]


class Contract(BaseModel):
    """Base of all input and output models: frozen; unknown variables are ignored (contracts grow by addition)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class Retry:
    """How a transient failure is tried again: exponential back-off with full jitter (AWS, Brooker 2015)."""

    tries: int = 3
    """As many as the diagram's ``zeebe:taskDefinition retries`` says (Zeebe's default is 3): the engine counts them."""
    first_seconds: float = 0.5
    cap_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What is known of one task."""

    job_type: str
    """``<context>.<function>``, for instance ``lead_routing.assign_owner``."""
    context: str
    name: str
    function: Callable[[Any, Any], Awaitable[Any]]  # Any: each task has its own models and ports
    input_model: type[Contract]
    output_model: type[Contract]
    business_id: str
    """The input field that holds the business id."""
    loop: str | None
    """The input field that tells repetitions of one element in one case apart; None: it runs once in a case."""
    effect: Effect
    """``once``: recorded in `runtime.effects`, never run twice. ``idempotent``: in a transaction, may run again.
    ``none``: reads only, no transaction."""
    errors: tuple[type[BusinessError], ...]
    undoes: str | None
    """For a compensation handler: the name of the task (same context) whose recorded effect it undoes."""
    after_close: bool
    """Whether the task may still act on a withdrawn case (undo and book-keeping do)."""
    closes: bool
    """Whether the task closes its case. Then it has the case alone from the start: two deliveries of it that shared the
    case until then would wait for each other."""
    timeout_seconds: float
    retry: Retry
    due: Callable[[Any], datetime | None] | None
    """From a job's input: until when it should have run, for the choice among jobs that wait (`runtime.backlog`)."""


REGISTRY: dict[str, TaskSpec] = {}
"""Every task of the modules imported so far, by job type."""

F = TypeVar("F", bound=Callable[[Any, Any], Awaitable[Any]])


def task(
    *,
    business_id: str,
    effect: Effect,
    loop: str | None = None,
    errors: tuple[type[BusinessError], ...] = (),
    undoes: str | None = None,
    after_close: bool = False,
    closes: bool = False,
    timeout_seconds: float = 30.0,
    retry: Retry = Retry(),
    due: Callable[[Any], datetime | None] | None = None,
) -> Callable[[F], F]:
    """Record the function as a task of the context whose ``tasks`` package it lies in.

    Raises:
        TypeError: the function, its module or its models don't have the form of a task; the message says what to do.
    """

    def record(function: F) -> F:
        spec = _spec(
            function, business_id, effect, loop, errors, undoes, after_close, closes, timeout_seconds, retry, due
        )
        if spec.job_type in REGISTRY and REGISTRY[spec.job_type].function is not function:
            raise TypeError(f"Two functions want to be the task {spec.job_type}; rename one of them.")
        REGISTRY[spec.job_type] = spec
        return function

    return record


def _spec(
    function: Callable[[Any, Any], Awaitable[Any]],
    business_id: str,
    effect: Effect,
    loop: str | None,
    errors: tuple[type[BusinessError], ...],
    undoes: str | None,
    after_close: bool,
    closes: bool,
    timeout_seconds: float,
    retry: Retry,
    due: Callable[[Any], datetime | None] | None,
) -> TaskSpec:
    name = function.__name__
    parts = function.__module__.split(".")
    if len(parts) < 4 or parts[-2] != "tasks" or parts[-1] != name:
        raise TypeError(
            f"The task {name} lies in {function.__module__}; put it into workers/<context>/tasks/{name}.py."
        )
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"The task {name} must be an `async def`.")
    hints = typing.get_type_hints(function)
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2 or "return" not in hints:
        raise TypeError(f"The task {name} must have the form `async def {name}(given: Input, ports: …) -> Output`.")
    input_model, output_model = hints[parameters[0]], hints["return"]
    for model in (input_model, output_model):
        if not (isinstance(model, type) and issubclass(model, Contract)):
            raise TypeError(f"The task {name} must take and return subclasses of `Contract`, not {model!r}.")
    for field in (business_id, loop):
        if field is not None and field not in input_model.model_fields:
            raise TypeError(f"The task {name} names the input field {field!r}, which {input_model.__name__} lacks.")
    if undoes is not None:
        needed = {key for key, field in input_model.model_fields.items() if field.is_required()} - {business_id, loop}
        if needed:
            raise TypeError(
                f"The compensation handler {name} requires {', '.join(sorted(needed))}; it may require only the "
                "business id and the loop, and reads the rest by `work.recorded()`, as variables may have changed since."
            )
    return TaskSpec(
        job_type=f"{parts[-3]}.{name}",
        context=parts[-3],
        name=name,
        function=function,
        input_model=input_model,
        output_model=output_model,
        business_id=business_id,
        loop=loop,
        effect=effect,
        errors=errors,
        undoes=undoes,
        after_close=after_close,
        closes=closes,
        timeout_seconds=timeout_seconds,
        retry=retry,
        due=due,
    )
