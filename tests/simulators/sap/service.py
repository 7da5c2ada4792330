"""The OData v2 service: addresses, options, versions, pages, batches."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from tests.simulators.sap.literals import condition, key_of
from tests.simulators.sap.problems import Problem
from tests.simulators.sap.schema import Json, Kind
from tests.simulators.sap.system import Key, System, of_orders

OPTIONS = {"$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$format", "$inlinecount", "$skiptoken"}
_ADDRESS = re.compile(r"(?P<set>\w+)(?:\((?P<key>.*)\))?(?:/(?P<way>\$?\w+))?", re.DOTALL)


@dataclass
class Reply:
    status: int
    body: Json | int | None = None
    """JSON, or what is counted, in digits."""
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    def __init__(self, system: System, root: str, *, orders: bool = False) -> None:
        self.system = system
        self.root = root
        """The service's own address, as it stands in what it answers."""
        self.sets = [name for name, kind in system.kinds.items() if of_orders(kind) == orders]
        self._began: dict[str, dict[Key, Json]] | None = None
        """What there was when the change set began, if there is one."""
        self.page: int | None = None
        """Entities of a page that the service makes itself; None: it makes none."""

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            return self._answer(method, path, query, headers, body)
        except Problem as problem:
            return Reply(problem.status, problem.body)

    def _answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        found = _ADDRESS.fullmatch(unquote(path))
        if found is None or found["set"] not in self.sets:
            raise Problem(404, "/IWFND/CM_MGW_RT/020", f"Resource not found for the segment '{path}'")
        kind, way = self.system.kinds[found["set"]], found["way"]
        if headers.get("x-http-method"):
            method = headers["x-http-method"].upper()
        options = dict(parse_qsl(query, keep_blank_values=True))
        if odd := {name for name in options if name.startswith("$")} - OPTIONS:
            raise Problem(400, "/IWFND/CM_MGW/007", f"System query option '{min(odd)}' is not known")
        if found["key"] is None:
            return self._set(method, kind, way, options, headers, body)
        key = key_of(kind, found["key"])
        entity = self.system.found(kind.name, key)
        if way is not None:
            if way not in kind.ways:
                raise Problem(404, "/IWFND/CM_MGW_RT/020", f"Resource not found for the segment '{way}'")
            there = self.system.kinds[kind.ways[way]]
            if method == "POST":
                return self._made(there, self.system.insert(there.name, read(headers, body), entity))
            return self._list(there, self.system.children(kind.name, entity, way), options)
        if method == "GET":
            self.system.may(kind.name, "GET")
            return Reply(200, {"d": self.shown(kind, entity, options)}, self._told(kind, entity))
        return self._changed(method, kind, key, headers, body)

    def _changed(self, method: str, kind: Kind, key: tuple[Any, ...], headers: Mapping[str, str], body: bytes) -> Reply:
        if method not in {"PATCH", "MERGE", "PUT", "DELETE"}:
            raise Problem(405, "/IWFND/CM_MGW/022", f"Method {method} is not allowed")
        match, entity = headers.get("if-match"), self.system.found(kind.name, key)
        if match is None:
            raise Problem(428, "/IWFND/CM_MGW/480", "Precondition required: header If-Match is missing")
        began = self._began or self.system.records
        if match not in {"*", self.system.version(kind, began[kind.name].get(key, entity), began)}:
            raise Problem(412, "/IWBEP/CM_MGW_RT/042", "Precondition failed: the entity was changed")
        if method == "DELETE":
            if not kind.deletable:
                raise Problem(405, "/IWBEP/CM_MGW_RT/061", f"{kind.name} can't be deleted")
            del self.system.records[kind.name][key]
        else:
            self.system.change(kind.name, key, read(headers, body))
        return Reply(204)

    def _set(
        self, method: str, kind: Kind, way: str | None, options: Json, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if way not in {None, "$count"}:
            raise Problem(404, "/IWFND/CM_MGW_RT/020", f"Resource not found for the segment '{way}'")
        if method == "POST" and way is None:
            return self._made(kind, self.system.insert(kind.name, read(headers, body)), created=body)
        if method != "GET":
            raise Problem(405, "/IWFND/CM_MGW/022", f"Method {method} is not allowed")
        self.system.may(kind.name, "GET")
        entities = list(self.system.records[kind.name].values())
        return self._list(kind, entities, options, counted=way is not None)

    def _made(self, kind: Kind, entity: Json, created: bytes = b"{}") -> Reply:
        ways = [way for way in json.loads(created) if way in kind.ways]
        shown = self.shown(kind, entity, {"$expand": ",".join(ways)} if ways else {})
        return Reply(201, {"d": shown}, {**self._told(kind, entity), "location": shown["__metadata"]["uri"]})

    def _told(self, kind: Kind, entity: Json) -> dict[str, str]:
        """The version of what has one itself."""
        return {"etag": self.system.version(kind, entity)} if kind.stamp or not of_orders(kind) else {}

    def _list(self, kind: Kind, entities: list[Json], options: Json, *, counted: bool = False) -> Reply:
        if "$filter" in options:
            holds = condition(kind, options["$filter"])
            entities = [one for one in entities if holds(one)]
        for part in reversed(options.get("$orderby", "").split(",") if options.get("$orderby") else []):
            name, _, direction = part.strip().partition(" ")
            if name not in kind.properties or direction not in {"", "asc", "desc"}:
                raise Problem(400, "/IWBEP/CM_MGW_RT/176", f"Invalid order '{part}'")
            entities = sorted(entities, key=lambda one: str(one[name]), reverse=direction == "desc")
        if counted:
            return Reply(200, len(entities))
        total, skip = len(entities), count(options, "$skip", 0)
        entities = entities[skip : skip + count(options, "$top", total)]
        start = count(options, "$skiptoken", 0)
        end = len(entities) if self.page is None else start + self.page
        body: Json = {"results": [self.shown(kind, one, options) for one in entities[start:end]]}
        if end < len(entities):
            body["__next"] = f"{self.root}/{kind.name}?{urlencode({**options, '$skiptoken': str(end)})}"
        if options.get("$inlinecount") == "allpages":
            body["__count"] = str(total)
        return Reply(200, {"d": body})

    def shown(self, kind: Kind, entity: Json, options: Mapping[str, str]) -> Json:
        """An entity as JSON, as far as it is selected, with the children that are asked for."""
        inside = ",".join(f"{key}='{entity[key]}'" for key in kind.keys)
        uri = f"{self.root}/{kind.name}({inside if len(kind.keys) > 1 else inside.partition('=')[2]})"
        known = {"id": uri, "uri": uri, "type": kind.type, **self._told(kind, entity)}
        select = {one for one in options.get("$select", "").split(",") if one}
        if odd := select - kind.properties.keys() - kind.ways.keys():
            raise Problem(400, "/IWBEP/CM_MGW_RT/004", f"Property '{min(odd)}' is invalid", min(odd))
        values = {name: entity[name] for name in kind.properties if not select or name in select}
        ways: Json = {way: {"__deferred": {"uri": f"{uri}/{way}"}} for way in kind.ways}
        for way, below in expanded(options.get("$expand", "")):
            if way not in kind.ways:
                raise Problem(400, "/IWBEP/CM_MGW_RT/004", f"Navigation property '{way}' is invalid", way)
            there = self.system.kinds[kind.ways[way]]
            found = self.system.children(kind.name, entity, way)
            ways[way] = {"results": [self.shown(there, one, {"$expand": below}) for one in found]}
        return {"__metadata": known, **values, **ways}

    def batch(self, kind: str, content: bytes) -> tuple[str, bytes]:
        """The answer to a batch."""
        message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
        if message.get_content_type() != "multipart/mixed" or not message.is_multipart():
            raise Problem(400, "/IWFND/CM_MGW/110", "The batch is malformed")
        parts = [self._part(part) for part in message.get_payload() if isinstance(part, Message)]
        return framed("ejjeeffe0", parts)

    def _part(self, part: Message) -> bytes:
        if part.get_content_type() != "multipart/mixed":
            method, path, query, headers, body = request_of(part)
            if method != "GET":
                raise Problem(400, "/IWFND/CM_MGW/111", "A change stands outside of a change set")
            return http(self.answer(method, path, query, headers, body))
        before, writes = copy.deepcopy(self.system.records), list(self.system.writes)
        replies = []
        for one in part.get_payload():
            method, path, query, headers, body = request_of(one)  # type: ignore[arg-type]
            if method == "GET":
                raise Problem(400, "/IWFND/CM_MGW/112", "A change set has a GET")
            self._began = before
            try:
                reply = self.answer(method, path, query, headers, body)
            finally:
                self._began = None
            if reply.status >= 400:
                self.system.records.update(before)
                self.system.writes = writes
                return http(reply)
            replies.append(http(reply))
        inner, content = framed("ejjeeffe1", replies)
        return f"Content-Type: {inner}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def count(options: Mapping[str, str], name: str, otherwise: int) -> int:
    given = options.get(name, str(otherwise))
    if not given.isdigit():
        raise Problem(400, "/IWBEP/CM_MGW_RT/176", f"Invalid value for {name}")
    return int(given)


def expanded(text: str) -> Iterator[tuple[str, str]]:
    """Ways to go, each with those that go on from there."""
    ways: dict[str, list[str]] = {}
    for path in filter(None, text.split(",")):
        way, _, below = path.strip().partition("/")
        ways.setdefault(way, []).append(below)
    for way, onward in ways.items():
        yield way, ",".join(filter(None, onward))


def read(headers: Mapping[str, str], body: bytes) -> Json:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Problem(415, "/IWFND/CM_MGW/415", "Unsupported media type")
    try:
        found = json.loads(body)
    except ValueError:
        raise Problem(400, "CX_SXML_PARSE_ERROR/000", "Error while parsing an XML stream") from None
    if not isinstance(found, dict):
        raise Problem(400, "CX_SXML_PARSE_ERROR/000", "The body is no entity")
    inside: Any = found.get("d", found)
    return dict(inside)


def request_of(part: Message) -> tuple[str, str, str, dict[str, str], bytes]:
    """A request in a batch: method, path, query, headers, body."""
    payload = part.get_payload(decode=True)
    if part.get_content_type() != "application/http" or not isinstance(payload, bytes):
        raise Problem(400, "/IWFND/CM_MGW/110", "The batch is malformed")
    head, _, body = payload.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Problem(400, "/IWFND/CM_MGW/110", "The batch is malformed")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = words[1].partition("?")
    return words[0], path, query, headers, body.rstrip(b"\n")


def http(reply: Reply) -> bytes:
    body = b"" if reply.body is None else json.dumps(reply.body).encode()
    reason = {200: "OK", 201: "Created", 204: "No Content"}.get(reply.status, "Error")
    lines = [f"HTTP/1.1 {reply.status} {reason}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json;charset=utf-8")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    inside = "\r\n".join([*lines, "", ""]).encode() + body
    head = (
        f"Content-Type: application/http\r\nContent-Length: {len(inside)}\r\ncontent-transfer-encoding: binary\r\n\r\n"
    )
    return head.encode() + inside


def framed(name: str, parts: list[bytes]) -> tuple[str, bytes]:
    content = b"".join(f"--{name}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{name}--\r\n".encode()
    return f"multipart/mixed; boundary={name}", content
