"""The simulated organisation over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tests.simulators.salesforce import bulk, collecting, composite, schema
from tests.simulators.salesforce.asking import ROOT, body_of, known
from tests.simulators.salesforce.door import Door, Refused, faulty
from tests.simulators.salesforce.org import Org
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json


class Pages:
    """Results of queries that were too long for one answer."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.kept: dict[str, list[Json]] = {}

    def page(self, records: list[Json], start: int, version: str, locator: str | None) -> Json:
        following = start + self.door.page
        body: Json = {"totalSize": len(records), "done": following >= len(records), "records": records[start:following]}
        if not body["done"]:
            locator = locator or f"01g5g0000{len(self.kept):06d}"
            self.kept[locator] = records
            body["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{following}"
        return body


def create_app(org: Org, door: Door, jobs: bulk.Jobs) -> FastAPI:
    app = FastAPI(openapi_url=None)
    pages = Pages(door)
    held: Counter[str] = Counter()

    @app.middleware("http")
    async def at_the_door(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.client is not None and request.client.host == composite.INSIDE:
            return await go_on(request)
        door.asked.append(f"{request.method} {request.url.path}")
        if request.url.path.startswith("/services/oauth2/"):
            return await go_on(request)
        fault = door.faults.pop(0) if door.faults else None
        if fault is not None and fault != "lost":
            return await faulty(fault)
        try:
            door.admit(request)
            response = await go_on(request)
        except Problem as problem:
            response = JSONResponse(problem.body, problem.status)
        if fault == "lost":
            return await faulty(fault)
        response.headers["Sforce-Limit-Info"] = door.usage
        response.headers["Date"] = formatdate(int(org.clock()), usegmt=True)
        return response

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> Response:
        return JSONResponse(problem.body, problem.status)

    @app.exception_handler(Refused)
    async def _refused(_request: Request, refused: Refused) -> Response:
        return JSONResponse(refused.body, 400)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND"
        return JSONResponse(
            Problem(error.status_code, code, "The requested resource does not exist").body, error.status_code
        )

    @app.post("/services/oauth2/token")
    async def token(request: Request) -> Json:
        form = dict(parse_qsl((await request.body()).decode()))
        given = door.log_in(form, request.headers.get("authorization", "").removeprefix("Basic "))
        return {
            "access_token": given,
            "instance_url": str(request.base_url).rstrip("/"),
            "id": f"https://login.salesforce.com/id/{org.org_id}/{org.user}",
            "token_type": "Bearer",
            "issued_at": str(int(org.clock() * 1_000)),
            "scope": "api",
        }

    @app.get(ROOT + "/limits")
    async def limits(version: str) -> Json:
        known(version)
        return {
            "DailyApiRequests": {"Max": door.daily, "Remaining": door.daily - door.used},
            "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000},
            "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_562},
            "DailyBulkV2QueryJobs": {"Max": jobs.daily, "Remaining": jobs.daily - len(jobs.made)},
            "DailyDeliveredPlatformEvents": {"Max": 25_000, "Remaining": 25_000},
        }

    @app.get(ROOT + "/limits/recordCount")
    async def record_count(request: Request, version: str) -> Json:
        known(version)
        kinds = request.query_params.get("sObjects", "").split(",")
        kept = {kind: sum(not one["IsDeleted"] for one in org.records.get(kind, {}).values()) for kind in kinds}
        return {"sObjects": [{"count": number, "name": kind} for kind, number in kept.items() if number]}

    @app.get(ROOT + "/query")
    @app.get(ROOT + "/query/")
    @app.get(ROOT + "/queryAll")
    @app.get(ROOT + "/queryAll/")
    async def query(request: Request, version: str) -> Json:
        known(version)
        deleted = "/queryAll" in request.url.path
        asked, found = org.query(request.query_params.get("q", ""), deleted=deleted)
        if asked.fields is None:
            return {"totalSize": len(found), "done": True, "records": []}
        records = [org.shown(asked.kind, one, asked.fields, version) for one in found]
        return pages.page(records, 0, version, None)

    @app.get(ROOT + "/query/{locator}")
    async def more(version: str, locator: str) -> Json:
        known(version)
        name, _, start = locator.partition("-")
        if name not in pages.kept or not start.isdecimal():
            raise Problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return pages.page(pages.kept[name], int(start), version, name)

    @app.get(ROOT + "/sobjects/{kind}/describe")
    async def describe(version: str, kind: str) -> Json:
        known(version)
        fields = list(org.visible(kind).values())
        rights = {right: (kind, right) not in org.forbidden for right in collecting.RIGHTS}
        return {"name": kind, "label": kind, "keyPrefix": schema.PREFIXES[kind], "fields": fields, **rights}

    @app.get(ROOT + "/sobjects/{kind}/{record_id}")
    async def read(request: Request, version: str, kind: str, record_id: str) -> Response:
        record = org.find(kind, "Id", record_id)
        if record is None and record_id in org.records[kind]:
            raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted")
        return shown(request, known(version), kind, record)

    @app.get(ROOT + "/sobjects/{kind}/{key}/{value}")
    async def read_by(request: Request, version: str, kind: str, key: str, value: str) -> Response:
        try:
            return shown(request, known(version), kind, org.find(kind, key, value))
        except Problem as problem:
            if problem.status == 300:
                return JSONResponse(
                    [f"/services/data/{version}/sobjects/{kind}/{one}" for one in org.records[kind]], 300
                )
            raise

    def shown(request: Request, version: str, kind: str, record: Json | None) -> Response:
        if record is None:
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        wanted, fields = request.query_params.get("fields"), org.visible(kind)
        names = wanted.split(",") if wanted else list(fields)
        for name in names:
            if name not in fields:
                raise Problem(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
        return JSONResponse(org.shown(kind, record, names, version))

    async def write(request: Request, kind: str, record: Json | None, values: Json) -> Json:
        rows = {record["Id"]} if record else set()
        rows |= {value for name, value in values.items() if name.startswith("Fairlead_Account") and value}
        rows |= {record["ParentId"]} if record and record.get("ParentId") else set()
        if any(held[row] for row in rows):
            raise Problem(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", [])
        held.update(rows)
        try:
            if org.slow_seconds:
                await asyncio.sleep(org.slow_seconds)
            return org.write(kind, record, values, request.headers)
        finally:
            held.subtract(rows)

    @app.delete(ROOT + "/sobjects/{kind}/{record_id}", status_code=204)
    async def delete(version: str, kind: str, record_id: str) -> Response:
        known(version)
        collecting.delete(org, kind, record_id)
        return Response(status_code=204)

    @app.patch(ROOT + "/sobjects/{kind}/{record_id}", status_code=204)
    async def update(request: Request, version: str, kind: str, record_id: str) -> Response:
        known(version)
        record = org.find(kind, "Id", record_id)
        if record is None:
            raise Problem(
                404, "ENTITY_IS_DELETED" if record_id in org.records[kind] else "NOT_FOUND", "entity is deleted", []
            )
        since = request.headers.get("if-unmodified-since")
        if since is not None and record["LastModifiedDate"] > http_date(since):
            return Response(status_code=412)
        await write(request, kind, record, await body_of(request, dict))
        return Response(status_code=204)

    @app.patch(ROOT + "/sobjects/{kind}/{key}/{value}")
    async def upsert(request: Request, version: str, kind: str, key: str, value: str) -> Response:
        known(version)
        values = await body_of(request, dict)
        if key in values:
            raise Problem(400, "INVALID_FIELD", f"The {key} field should not be specified in the sobject data.")
        record = org.find(kind, key, value)
        made = await write(request, kind, record, {**values, key: value})
        status = 201 if record is None else 200
        return JSONResponse({"id": made["Id"], "success": True, "errors": [], "created": record is None}, status)

    @app.post(ROOT + "/sobjects/{kind}", status_code=201)
    @app.post(ROOT + "/sobjects/{kind}/", status_code=201)
    async def create(request: Request, version: str, kind: str) -> Json:
        known(version)
        made = await write(request, kind, None, await body_of(request, dict))
        return {"id": made["Id"], "success": True, "errors": []}

    @app.post(ROOT + "/tooling/sobjects/CustomField", status_code=201)
    async def custom_field(request: Request, version: str) -> Json:
        known(version)
        if ("CustomField", "createable") in org.forbidden:
            raise Problem(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id", [])
        asked = await body_of(request, dict)
        kind, _, name = str(asked.get("FullName")).partition(".")
        metadata = asked.get("Metadata")
        if (
            asked.keys() != {"FullName", "Metadata"}
            or not isinstance(metadata, dict)
            or not {"label", "type"} <= metadata.keys()
        ):
            raise Problem(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName, Metadata]", [])
        if kind not in org.fields or not re.fullmatch(r"[A-Za-z]\w{0,39}__c", name):
            raise Problem(400, "INVALID_FULLNAME", "The name is none", ["FullName"])
        if name in org.fields[kind]:
            raise Problem(
                400, "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {name} on {kind}.", ["DeveloperName"]
            )
        org.fields[kind][name] = defined(name, metadata)
        return {
            "id": schema.identifier("00N", len(org.fields[kind])),
            "success": True,
            "errors": [],
            "warnings": [],
            "infos": [],
        }

    collecting.add(app, org, write)
    bulk.add(app, jobs)
    composite.add(app)
    return app


def defined(name: str, metadata: Json) -> Json:
    if metadata["type"] == "Lookup":
        if not {"referenceTo", "relationshipName"} <= metadata.keys():
            raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", "a lookup needs referenceTo and relationshipName", [])
        return schema.define(name, "reference", 18, refers=(metadata["referenceTo"],))
    if metadata["type"] == "Number":
        if not {"precision", "scale"} <= metadata.keys() or not 1 <= metadata["precision"] <= 18:
            raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", "a number needs a precision of 1 to 18, and a scale", [])
        return schema.define(name, "double")
    if metadata["type"] == "DateTime":
        return schema.define(name, "datetime")
    if metadata["type"] != "Text" or not 1 <= metadata.get("length", 0) <= 255:
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", "a text has a length of 1 to 255", [])
    made = schema.define(name, length=metadata["length"])
    return made | {flag: bool(metadata.get(flag)) for flag in ("unique", "externalId", "caseSensitive")}


def http_date(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        raise Problem(400, "INVALID_HEADER", "the date is none") from None
