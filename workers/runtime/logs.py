"""Structured logs: one JSON object (or a console line) for each event, with an `action`, and the keys of the job at
hand. Variables and personal data never: what is not a plain, short value under a harmless name is dropped.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from workers.runtime import tracing
from workers.runtime.errors import plain
from workers.runtime.masking import Mask
from workers.settings import Settings

FORBIDDEN = frozenset(
    {
        *("variables", "payload", "given", "result", "recorded", "facts", "lead", "account", "corrected", "raw"),
        *("name", "first_name", "last_name", "email", "mail", "phone", "company", "address", "message", "note"),
        *("password", "secret", "token", "authorization", "dsn", "client_secret", "body", "headers"),
    }
)
"""Names under which nothing is ever logged."""

LONGEST = 500
"""Characters of one value."""

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")

Event = MutableMapping[str, Any]  # Any: structlog's own type

_mask = Mask()


def configure(settings: Settings) -> None:
    """Set up logging for this process: to standard error, in the format and from the level that the settings say."""
    global _mask  # noqa: PLW0603 - processors get no settings, and logging is set up once in a process
    _mask = Mask(settings)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        tracing.name_span,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        show_exception,
        protect,
        name_action,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Spare(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    # Libraries that log by the standard library end up in the same form; only their warnings matter here.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def for_people(text: str) -> str:
    """A message of an incident or a dead letter, as PostgreSQL and gRPC take it, without the secrets of this process's settings."""
    return plain(_mask.known(text))


class _Spare:
    """A file whose failing fails nobody: with a full disk, lines are lost, not jobs."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()


def show_exception(_logger: object, _method: str, event: Event) -> Event:
    """Replace `exc_info` by the exception's type and where it came from, for each in the chain of causes.

    Without the messages: they may hold variables (``KeyError: 'ana@…'``, a constraint's "Key (email)=(…)").
    """
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    chain: list[str] = []
    while isinstance(error, BaseException):
        frames = "".join(traceback.format_tb(error.__traceback__))
        chain.insert(0, f"{frames}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if chain:
        event["exception"] = "\n\n".join(chain)
    return event


def protect(_logger: object, _method: str, event: Event) -> Event:
    """Drop what may hold variables or personal data; name the dropped keys in `dropped`."""
    dropped = sorted(key for key, value in event.items() if key in FORBIDDEN or not _plain(key, value))
    for key in dropped:
        del event[key]
    for key, value in event.items():
        if isinstance(value, str):
            limit = 20 * LONGEST if key == "exception" else LONGEST
            event[key] = _EMAIL.sub("***@***", _mask(value))[:limit]
    if dropped:
        event["dropped"] = ",".join(dropped)
    return event


def name_action(_logger: object, _method: str, event: Event) -> Event:
    """Give every record an `action`; a record of a library without one gets `library`."""
    event.setdefault("action", "library" if "_record" in event else "unnamed")
    return event


def _plain(key: str, value: object) -> bool:
    return key.startswith("_") or value is None or isinstance(value, str | int | float | bool)
