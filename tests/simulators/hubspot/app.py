"""The simulated account over HTTP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tests.simulators.hubspot import records, searching
from tests.simulators.hubspot.limits import Door, faulty
from tests.simulators.hubspot.records import Account, Json, Problem, Stored, define, stamp

DEFAULTS = {
    "contacts": ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
    "companies": ["createdate", "domain", "hs_object_id", "name"],
    "deals": ["amount", "createdate", "dealname", "dealstage", "hs_object_id", "pipeline"],
    "goal_targets": ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
}
MOST_INPUTS = 100
FORM = "application/x-www-form-urlencoded"


def create_app(account: Account, door: Door) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.middleware("http")
    async def at_the_door(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        door.asked.append(f"{request.method} {request.url.path}")
        if request.url.path.startswith("/oauth/") and request.url.path.endswith("/token"):
            return await go_on(request)
        fault = door.faults.pop(0) if door.faults else None
        if fault is not None and fault != "lost":
            return await faulty(fault)
        try:
            headers = door.admit(request)
        except Problem as problem:
            return JSONResponse(problem.body, problem.status)
        response = await go_on(request)
        if fault == "lost":
            return await faulty(fault)
        response.headers.update(headers)
        return response

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> Response:
        return JSONResponse(problem.body, problem.status)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        return JSONResponse(
            Problem(error.status_code, "OBJECT_NOT_FOUND", "resource not found").body, error.status_code
        )

    def known(kind: str) -> str:
        if kind not in account.records:
            raise Problem(400, "VALIDATION_ERROR", f"Unable to infer object type from: {kind}")
        return kind

    @app.get("/crm/v3/objects/{kind}/{key}")
    async def read(request: Request, kind: str, key: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.read")
        query = request.query_params
        archived = query.get("archived", "").lower() == "true"
        found = account.archived(kind, key) if archived else account.find(kind, key, query.get("idProperty"))
        if found is None:
            raise Problem(404, "OBJECT_NOT_FOUND", "resource not found")
        return found.shown([name for name in query.get("properties", "").split(",") if name], DEFAULTS[kind])

    @app.get("/crm/v3/objects/{kind}")
    async def listed(request: Request, kind: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.read")
        limit, after = number(request, "limit", 10, 100), number(request, "after", 0, 2**31)
        wanted = [name for name in request.query_params.get("properties", "").split(",") if name]
        there = [one for one in account.records[kind].values() if not one.archived and int(one.id) > after]
        page = there[:limit]
        following = int(page[-1].id) if len(there) > limit else 0
        return paged([one.shown(wanted, DEFAULTS[kind]) for one in page], following, 2**31 if following else 0)

    @app.delete("/crm/v3/objects/{kind}/{key}", status_code=204)
    async def archive(kind: str, key: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.write")
        account.archive(kind, key)
        return Response(status_code=204)

    @app.post("/crm/v3/objects/{kind}/merge")
    async def merge(request: Request, kind: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.write")
        asked = await body_of(request, {"primaryObjectId", "objectIdToMerge"})
        return account.merge(kind, asked["primaryObjectId"], asked["objectIdToMerge"]).shown([], DEFAULTS[kind])

    @app.post("/oauth/{version}/token")
    async def token(request: Request, version: str) -> Response:
        if version not in {"v1", "v3"} or not request.headers.get("content-type", "").startswith(FORM):
            raise Problem(415, "VALIDATION_ERROR", "Unsupported Media Type")
        return door.renew(dict(parse_qsl((await request.body()).decode())))

    @app.post("/crm/v3/objects/{kind}/search")
    async def search(request: Request, kind: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.read")
        asked = await body_of(request, {"filterGroups", "properties", "limit", "after", "sorts", "query"})
        ids, wanted, limit, after = searching.matching(account, kind, asked)
        page = [account.records[kind][one].shown(wanted, DEFAULTS[kind]) for one in ids[after : after + limit]]
        return {"total": len(ids), **paged(page, after + limit, len(ids))}

    @app.post("/crm/v3/objects/{kind}", status_code=201)
    async def create(request: Request, kind: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.write")
        asked = await body_of(request, {"properties", "associations"})
        return account.create(kind, asked["properties"]).shown(list(asked["properties"]), DEFAULTS[kind])

    @app.post("/crm/v3/objects/{kind}/batch/upsert")
    async def upsert(request: Request, kind: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.write")
        results: list[Json] = []
        for one in await inputs_of(request, {"id", "idProperty", "properties", "objectWriteTraceId"}):
            if not isinstance(one.get("idProperty"), str):
                raise Problem(400, "VALIDATION_ERROR", "idProperty is required to upsert")
            found = account.find(kind, one["id"], one["idProperty"])
            given = {one["idProperty"]: one["id"], **one["properties"]}
            record = account.create(kind, given) if found is None else found
            if found is not None:
                account.change(kind, found, given)
            results.append({**written(record, given), "new": found is None})
        return batch(results, [])

    @app.post("/crm/v3/objects/{kind}/batch/update")
    async def update(request: Request, kind: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.write")
        results: list[Json] = []
        missing: list[str] = []
        for one in await inputs_of(request, {"id", "idProperty", "properties", "objectWriteTraceId"}):
            found = account.find(kind, one["id"], one.get("idProperty"))
            if found is None:
                missing.append(one["id"])
                continue
            account.change(kind, found, one["properties"])
            results.append(written(found, one["properties"]))
        message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
        return batch(results, [not_found(missing, message)] if missing else [])

    @app.post("/crm/v3/objects/{kind}/batch/read")
    async def read_all(request: Request, kind: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.read")
        asked = await body_of(request, {"inputs", "properties", "propertiesWithHistory", "idProperty"})
        found: list[Json] = []
        missing: list[str] = []
        for one in checked_inputs(asked, {"id"}):
            record = account.find(kind, one["id"], asked.get("idProperty"))
            if record is None:
                missing.append(one["id"])
            else:
                found.append(record.shown(list(asked.get("properties", [])), DEFAULTS[kind]))
        message = "Could not get some objects, they may be deleted or not exist. Check that ids are valid."
        return batch(found, [not_found(missing, message)] if missing else [])

    @app.get("/crm/v3/owners/")
    @app.get("/crm/v3/owners")
    async def owners(request: Request) -> Json:
        door.needs("crm.objects.owners.read")
        limit, after = number(request, "limit", 100, 500), number(request, "after", 0, 2**31)
        wanted = request.query_params.get("email")
        found = [one for one in account.owners if wanted is None or one["email"] == wanted]
        return paged(found[after : after + limit], after + limit, len(found))

    @app.get("/crm/v3/pipelines/deals")
    async def pipelines() -> Json:
        door.needs("crm.objects.deals.read", "crm.schemas.deals.read")
        stages = [
            {"id": name, "label": name.title(), "displayOrder": order,
             "metadata": {"probability": "0.5", "isClosed": str(name in records.CLOSED).lower()}}
            for order, name in enumerate(account.stages)
        ]  # fmt: skip
        return {"results": [{"id": "default", "label": "Sales Pipeline", "stages": stages}]}

    @app.get("/crm/v3/properties/{kind}")
    async def properties(kind: str) -> Json:
        door.needs(f"crm.objects.{known(kind)}.read", "crm.schemas.contacts.read")
        return {"results": list(account.properties[kind].values())}

    @app.post("/crm/v3/properties/{kind}", status_code=201)
    async def make_property(request: Request, kind: str) -> Json:
        door.needs(f"crm.schemas.{known(kind)}.write")
        asked = await body_of(
            request, {"name", "label", "type", "fieldType", "groupName", "hasUniqueValue", "description", "options"}
        )
        if missing := {"name", "label", "type", "fieldType", "groupName"} - asked.keys():
            raise Problem(400, "VALIDATION_ERROR", f"Invalid input JSON: required fields {sorted(missing)}")
        if asked["name"] in account.properties[kind]:
            raise Problem(409, "OBJECT_ALREADY_EXISTS", f"A property named '{asked['name']}' already exists.")
        made = {**define(asked["name"], asked["type"], unique=bool(asked.get("hasUniqueValue")), own=False), **asked}
        account.properties[kind][asked["name"]] = made
        return made

    @app.post("/crm/v4/associations/{kind}/{other}/batch/associate/default")
    async def associate(request: Request, kind: str, other: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.write", f"crm.objects.{known(other)}.write")
        results: list[Json] = []
        missing: list[str] = []
        for one in await inputs_of(request, {"from", "to"}):
            ends = (kind, one["from"]["id"], other, one["to"]["id"])
            if account.find(kind, ends[1], None) is None or account.find(other, ends[3], None) is None:
                missing.append(ends[3])
                continue
            account.links.add(ends)
            spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}
            results.append({"from": {"id": ends[1]}, "to": {"id": ends[3]}, "associationSpec": spec})
        return batch(results, [not_found(missing, "One or more objects do not exist.")] if missing else [])

    @app.post("/crm/v4/associations/{kind}/{other}/batch/read")
    async def associated(request: Request, kind: str, other: str) -> Response:
        door.needs(f"crm.objects.{known(kind)}.read", f"crm.objects.{known(other)}.read")
        label = {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}
        plain = {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None}
        results: list[Json] = []
        for one in await inputs_of(request, {"id"}):
            ends = sorted(
                int(end)
                for there, key, kind_to, end in account.links
                if (there, key, kind_to) == (kind, one["id"], other)
            )
            to = [
                {"toObjectId": end, "associationTypes": [plain, *([label] if end == ends[-1] else [])]} for end in ends
            ]
            results += [{"from": {"id": one["id"]}, "to": to}] if to else []
        return batch(results, [])

    @app.get("/account-info/v3/details")
    async def details() -> Json:
        door.needs("oauth")
        return {"portalId": 7, "timeZone": "Europe/Madrid", "companyCurrency": "EUR", "uiDomain": "app-eu1.hubspot.com",
                "accountType": "STANDARD", "utcOffset": "+01:00", "utcOffsetMilliseconds": 3_600_000,
                "dataHostingLocation": "eu1", "additionalCurrencies": []}  # fmt: skip

    @app.post("/oauth/v2/private-apps/get/access-token-info")
    async def token_info(request: Request) -> Json:
        asked = await body_of(request, {"tokenKey"})
        if asked.get("tokenKey") != door.token:
            raise Problem(404, "OBJECT_NOT_FOUND", "no such token")
        return {"userId": 1, "hubId": 7, "appId": 5, "scopes": sorted(door.scopes)}

    return app


async def body_of(request: Request, allowed: set[str]) -> Json:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Problem(415, "VALIDATION_ERROR", "Unsupported Media Type")
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Problem(400, "VALIDATION_ERROR", "Invalid input JSON") from None
    if not isinstance(body, dict) or not body.keys() <= allowed:
        raise Problem(400, "VALIDATION_ERROR", "Invalid input JSON: unknown fields")
    return body


async def inputs_of(request: Request, allowed: set[str]) -> list[Json]:
    return checked_inputs(await body_of(request, {"inputs"}), allowed)


def checked_inputs(body: Json, allowed: set[str]) -> list[Json]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Problem(400, "VALIDATION_ERROR", "inputs must not be empty")
    if len(inputs) > MOST_INPUTS:
        raise Problem(
            400, "VALIDATION_ERROR", f"The maximum number of inputs supported in a batch request is {MOST_INPUTS}"
        )
    for one in inputs:
        if not isinstance(one, dict) or not one.keys() <= allowed:
            raise Problem(400, "VALIDATION_ERROR", "Invalid input JSON: unknown fields of an input")
        if "properties" in allowed and not (isinstance(one.get("id"), str) and isinstance(one.get("properties"), dict)):
            raise Problem(400, "VALIDATION_ERROR", "An input needs id and properties")
    ids = [one["id"] for one in inputs if "id" in one]
    if len(set(ids)) < len(ids):
        raise Problem(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
    return inputs


def number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) > most:
        raise Problem(400, "VALIDATION_ERROR", f"{name} must be a number up to {most}")
    return int(text)


def paged(page: list[Json], after: int, total: int) -> Json:
    more: Json = {"paging": {"next": {"after": str(after), "link": "?after=" + str(after)}}} if after < total else {}
    return {"results": page, **more}


def written(record: Stored, properties: Any) -> Json:
    return record.shown(list(properties), [])


def not_found(ids: list[str], message: str) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": message,
        "context": {"ids": ids},
        "errors": [],
        "links": {},
    }


def batch(results: list[Json], errors: list[Json]) -> Response:
    """200; with errors 207 (Multi-Status)."""
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": stamp(), "completedAt": stamp()}
    if errors:
        body |= {"errors": errors, "numErrors": len(errors)}
    return JSONResponse(body, 207 if errors else 200)
