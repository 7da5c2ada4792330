"""sObject collections: up to 200 records that are made, changed or deleted by one request, and fail one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request

from tests.simulators.salesforce import schema
from tests.simulators.salesforce.asking import ROOT, body_of, known
from tests.simulators.salesforce.org import Org
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json

MOST_RECORDS = 200
RIGHTS = ("queryable", "createable", "updateable", "deletable")

Write = Callable[[Request, str, Json | None, Json], Awaitable[Json]]


def add(app: FastAPI, org: Org, write: Write) -> None:
    @app.patch(ROOT + "/composite/sobjects/{kind}/{key}")
    async def collection(request: Request, version: str, kind: str, key: str) -> list[Json]:
        known(version)
        records = await records_of(request)
        for one in records:
            if (
                not isinstance(one, dict)
                or one.get("attributes") != {"type": kind}
                or "id" in {name.lower() for name in one}
            ):
                raise Problem(400, "INVALID_INPUT", "each record needs its type among attributes, and no id")
            if unknown := one.keys() - org.visible(kind).keys() - {"attributes"}:
                raise Problem(400, "INVALID_FIELD", f"No such column '{min(unknown)}' on sobject of type {kind}")
        return [await one_of(request, kind, key, _values(one)) for one in records]

    @app.patch(ROOT + "/composite/sobjects")
    async def by_ids(request: Request, version: str) -> list[Json]:
        known(version)
        return [await by_id(request, one) for one in await records_of(request)]

    @app.post(ROOT + "/composite/sobjects")
    async def new_ones(request: Request, version: str) -> list[Json]:
        known(version)
        return [await new_one(request, one) for one in await records_of(request)]

    @app.delete(ROOT + "/composite/sobjects")
    async def away(request: Request, version: str) -> list[Json]:
        known(version)
        ids = request.query_params.get("ids", "").split(",")
        if not all(ids) or request.query_params.get("allOrNone", "false") not in {"true", "false"}:
            raise Problem(400, "MISSING_ARGUMENT", "The ids are required")
        _not_too_many(ids)
        return [one_away(one) for one in ids]

    async def by_id(request: Request, one: Json) -> Json:
        kind, record_id = _kind_of(org, one), one.get("id")
        if not isinstance(record_id, str):
            raise Problem(400, "INVALID_INPUT", "each record needs its type among attributes, and an id")
        record = org.find(kind, "Id", record_id)
        if record is None:
            return {"success": False, "errors": [Problem(400, "ENTITY_IS_DELETED", "entity is deleted", []).error]}
        try:
            await write(request, kind, record, _values(one))
        except Problem as problem:
            return {"success": False, "errors": [problem.error]}
        return {"id": record_id, "success": True, "errors": []}

    async def new_one(request: Request, one: Json) -> Json:
        kind = _kind_of(org, one)
        if "id" in {name.lower() for name in one}:
            raise Problem(400, "INVALID_FIELD", "cannot specify Id in an insert call", ["Id"])
        try:
            made = await write(request, kind, None, _values(one))
        except Problem as problem:
            return {"success": False, "errors": [problem.error]}
        return {"id": made["Id"], "success": True, "errors": []}

    def one_away(record_id: str) -> Json:
        kind = next((one for one, prefix in schema.PREFIXES.items() if record_id.startswith(prefix)), None)
        if kind is None:
            return {"id": record_id, "success": False, "errors": [Problem(400, "MALFORMED_ID", "malformed id").error]}
        try:
            delete(org, kind, record_id)
        except Problem as problem:
            return {"id": record_id, "success": False, "errors": [problem.error]}
        return {"id": record_id, "success": True, "errors": []}

    async def one_of(request: Request, kind: str, key: str, values: Json) -> Json:
        if not values.get(key):
            return {"success": False, "errors": [Problem(400, "MISSING_ARGUMENT", f"{key} not specified").error]}
        try:
            record = org.find(kind, key, values[key])
            made = await write(request, kind, record, values)
        except Problem as problem:
            return {"success": False, "errors": [problem.error]}
        return {"id": made["Id"], "success": True, "errors": [], "created": record is None}


def delete(org: Org, kind: str, record_id: str) -> None:
    """Delete a record as a request asks.

    Raises:
        Problem: it may not, or the record is not there.
    """
    if (kind, "deletable") in org.forbidden:
        raise Problem(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
    record = org.find(kind, "Id", record_id)
    if record is None:
        raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    org.in_the_way(record, {})
    org.delete(kind, record["Id"])
    org.writes.append((kind, record["Id"], {"IsDeleted": True}))


def _kind_of(org: Org, one: Json) -> str:
    kind = one.get("attributes", {}).get("type")
    if kind not in org.records:
        raise Problem(400, "INVALID_INPUT", "each record needs its type among attributes")
    return str(kind)


def _values(one: Json) -> Json:
    return {name: value for name, value in one.items() if name not in {"attributes", "id"}}


def _not_too_many(records: list[Any]) -> None:
    if len(records) > MOST_RECORDS:
        raise Problem(400, "EXCEEDED_MAX_SIZE_REQUEST", f"records limit reached: {MOST_RECORDS}")


async def records_of(request: Request) -> list[Any]:
    body = await body_of(request, dict)
    records = body.get("records")
    if not isinstance(records, list) or not body.keys() <= {"allOrNone", "records"}:
        raise Problem(400, "INVALID_ARGUMENT", "records are required")
    _not_too_many(records)
    return records
