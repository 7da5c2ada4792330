"""XES, IEEE 1849-2016: a trace for each instance, and for each activity the event that it began and the one that it ended.

Extensions: concept (``concept:name`` is the element's id, ``concept:instance`` its key in the engine), time, lifecycle
(the standard model: ``start``, ``complete``, and ``ate_abort`` for what was ended by something else), organizational (who did
a task, and whose task it was).
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from psycopg.rows import DictRow

from workers.control_room.cases import Case

EXTENSIONS = (
    ("Concept", "concept"),
    ("Time", "time"),
    ("Lifecycle", "lifecycle"),
    ("Organizational", "org"),
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, however it is written."""


async def write(slices: AsyncIterator[Sequence[Case]], name: str) -> AsyncIterator[bytes]:
    """The parts of a log called `name`."""
    yield _begin(name)
    async for found in slices:
        yield await asyncio.to_thread(_traces, found)
    yield b"</log>\n"


class _Out:
    """An XML writer into memory."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._xml = XMLGenerator(self._bytes, "utf-8", short_empty_elements=True)

    def begin(self, tag: str, **attributes: str) -> None:
        self._xml.startElement(tag, AttributesImpl(attributes))

    def end(self, tag: str) -> None:
        self._xml.endElement(tag)

    def put(self, key: str, value: object) -> None:
        """An attribute in XES' sense; None is left out."""
        if value is None:
            return
        kind, text = "string", str(value)
        if isinstance(value, datetime):
            kind, text = "date", value.astimezone(UTC).isoformat(timespec="milliseconds")
        elif isinstance(value, int):
            kind = "int"
        self.begin(kind, key=key, value=_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
        self.end(kind)

    def taken(self) -> bytes:
        self._xml.ignorableWhitespace("\n")
        return self._bytes.getvalue()


def _begin(name: str) -> bytes:
    out = _Out()
    for title, prefix in EXTENSIONS:
        uri = f"http://www.xes-standard.org/{prefix}.xesext"
        out.begin("extension", name=title, prefix=prefix, uri=uri)
        out.end("extension")
    out.begin("global", scope="trace")
    out.put("concept:name", "")
    out.end("global")
    out.begin("global", scope="event")
    out.put("concept:name", "")
    out.put("lifecycle:transition", "complete")
    out.put("time:timestamp", datetime(1970, 1, 1, tzinfo=UTC))
    out.end("global")
    for title, keys in (("Activity", "concept:name"), ("Activity and transition", "concept:name lifecycle:transition")):
        out.begin("classifier", name=title, keys=keys)
        out.end("classifier")
    out.put("concept:name", name)
    out.put("lifecycle:model", "standard")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">'
    return head.encode() + out.taken()


def _traces(found: Sequence[Case]) -> bytes:
    out = _Out()
    for case in found:
        head = case.head
        out.begin("trace")
        out.put("concept:name", str(head["key"]))
        for key, value in (
            ("process", head["process"]), ("version", head["version"]), ("state", case.state), ("case", head["case_id"]),
            ("lead", head["lead_id"]), ("name", head["name"]), ("company", head["company"]), ("source", head["source"]),
            ("account", head["account_id"]), ("owner", head["owner"]), ("parent", _text(head["parent_key"])),
        ):  # fmt: skip
            out.put(key, value)
        for at, _, _, transition, activity in sorted(_events(case), key=lambda one: one[:3]):
            _event(out, transition, activity, at)
        out.end("trace")
    return out.taken()


def _events(case: Case) -> Iterator[tuple[datetime, int, bool, str, DictRow]]:
    """When, what comes first at the same moment (the activity that began first, its begin before its end), and what it was."""
    for one in case.activities:
        yield one["started_at"], one["key"], False, "start", one
        if one["ended_at"] is not None:
            yield one["ended_at"], one["key"], True, "complete" if one["completed"] else "ate_abort", one


def _event(out: _Out, transition: str, activity: DictRow, at: datetime) -> None:
    out.begin("event")
    out.put("concept:name", activity["element"])
    out.put("concept:instance", str(activity["key"]))
    out.put("lifecycle:transition", transition)
    out.put("time:timestamp", at)
    if transition == "complete":
        out.put("org:resource", activity["rep"] or activity["assignee"])
    out.put("org:group", ", ".join(activity["groups"] or ()) or None)
    out.put("label", activity["label"])
    out.put("kind", activity["kind"])
    out.put("due", activity["due_at"])
    out.end("event")


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)
