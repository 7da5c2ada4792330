"""Bulk API 2.0: jobs that read and write tables. https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tests.simulators.salesforce.asking import ROOT, body_of, known
from tests.simulators.salesforce.org import Org
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json, identifier

MOST_BYTES = 150_000_000
EMPTIES = "#N/A"
ENDED = {"JobComplete", "Failed", "Aborted"}
FORMAT = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}

Fate = Literal["Aborted", "Failed"] | int
"""Of a job: somebody aborts it, it fails before it begins, or after so many records."""


@dataclass
class Job:
    id: str
    version: str
    asked: Json
    state: str
    fate: Fate | None
    looks: int
    """So often it is still under way when it is looked at."""
    found: list[Json] = field(default_factory=list)
    """What a query found, when it ran."""
    table: bytes | None = None
    done: list[Json] = field(default_factory=list)
    failed: list[Json] = field(default_factory=list)
    left: list[Json] = field(default_factory=list)
    error: str | None = None

    @property
    def info(self) -> Json:
        return {
            "id": self.id, "operation": self.asked["operation"], "object": self.asked.get("object", "Lead"),
            "state": self.state, "apiVersion": float(self.version[1:]), **FORMAT,
            "numberRecordsProcessed": len(self.found) or len(self.done) + len(self.failed),
            **({"numberRecordsFailed": len(self.failed)} if "object" in self.asked else {}),
            **({"errorMessage": self.error} if self.error else {}),
        }  # fmt: skip


@dataclass
class Jobs:
    """All jobs of an organisation; tests switch faults on here."""

    org: Org
    fates: list[Fate | None] = field(default_factory=list)
    """Of the next jobs, one each; None: it goes well."""
    looks: int = 1
    page: int = 100_000
    """Records in one answer at most, whatever is asked for."""
    daily: int = 10_000
    kept: dict[str, Job] = field(default_factory=dict)
    made: list[Job] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def make(self, version: str, asked: Json, state: str) -> Job:
        for name, value in FORMAT.items():
            if asked.get(name, value) != value:
                raise Problem(400, "INVALIDJOB", f"only {value} here")
        if len(self.made) >= self.daily:
            raise Problem(400, "EXCEEDEDQUOTA", "ApiBatchItems Limit exceeded.")
        fate = self.fates.pop(0) if self.fates else None
        job = Job(identifier("750", next(self._numbers)), version, asked, state, fate, self.looks)
        self.kept[job.id] = job
        self.made.append(job)
        return job

    def find(self, job_id: str, which: str) -> Job:
        job = self.kept.get(job_id)
        if job is None or ("object" in job.asked) != (which == "ingest"):
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def looked_at(self, job: Job) -> Json:
        if job.state in {"UploadComplete", "InProgress"}:
            job.state = "InProgress"
            job.looks -= 1
            if job.looks < 0:
                self.run(job)
        return job.info

    def run(self, job: Job) -> None:
        if job.fate in {"Aborted", "Failed"}:
            job.state = str(job.fate)
            job.error = "InternalServerError : it failed" if job.fate == "Failed" else None
            job.left = list(rows_of(job.table)) if job.table else []
            return
        job.state = "JobComplete"
        if job.table is not None:
            self.write(job)

    def write(self, job: Job) -> None:
        kind, operation = job.asked["object"], job.asked["operation"]
        key = "Id" if operation == "update" else job.asked["externalIdFieldName"]
        fields = self.org.visible(kind)
        rows = list(rows_of(job.table or b""))
        if unknown := {name for row in rows[:1] for name in row} - fields.keys():
            job.state, job.error, job.left = "Failed", f"InvalidBatch : Field name not found : {min(unknown)}", rows
            return
        for place, row in enumerate(rows):
            if place == job.fate:
                job.state, job.error, job.left = "Failed", "InternalServerError : it failed", rows[place:]
                return
            try:
                made, created = self.one(kind, key, row)
                job.done.append({"sf__Id": made["Id"], "sf__Created": str(created).lower(), **row})
            except Problem as problem:
                said = f"{problem.code}:{problem.message}:{','.join(problem.fields or [])} --"
                job.failed.append({"sf__Id": row.get("Id", ""), "sf__Error": said, **row})

    def one(self, kind: str, key: str, row: Json) -> tuple[Json, bool]:
        fields = self.org.visible(kind)
        given = {name: value for name, value in row.items() if value and name != "Id"}
        values = {name: typed(fields[name]["type"], value) for name, value in given.items()}
        record = self.org.find(kind, key, row.get(key, ""))
        if record is None and key == "Id":
            raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        # Rules of assignment are left alone by who names none; no header passes a rule of duplicates.
        return self.org.write(kind, record, values, {"sforce-auto-assign": "FALSE"}), record is None


def typed(kind: str, value: str) -> Any:
    if value == EMPTIES:
        return None
    if kind == "boolean":
        return value == "true"
    return int(value) if kind == "int" else float(value) if kind in {"double", "currency"} else value


def rows_of(table: bytes) -> Iterator[Json]:
    yield from csv.DictReader(io.StringIO(table.decode(), newline=""), strict=True)


def csv_of(rows: Iterable[Json], columns: list[str]) -> bytes:
    made = io.StringIO(newline="")
    writer = csv.DictWriter(made, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue().encode()


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return text.replace(".000+0000", ".000Z")


def add(app: FastAPI, jobs: Jobs) -> None:
    """Its routes."""
    org = jobs.org

    @app.post(ROOT + "/jobs/query")
    async def make_query(request: Request, version: str) -> Json:
        asked = await body_of(request, dict)
        if not asked.keys() <= {"operation", "query", *FORMAT} or asked.get("operation") not in {"query", "queryAll"}:
            raise Problem(400, "INVALIDJOB", "operation and query are needed")
        query, found = org.query(str(asked.get("query")), deleted=asked["operation"] == "queryAll")
        if query.fields is None:
            raise Problem(400, "API_ERROR", "aggregates are not supported")
        job = jobs.make(known(version), {"columns": query.fields, **asked}, "UploadComplete")
        names = query.fields
        found = [org.shown(query.kind, one, names, version) for one in found]
        job.found = [{name: shown(one[name]) for name in names} for one in found]
        return job.info

    @app.get(ROOT + "/jobs/query/{job_id}/results")
    async def results(request: Request, version: str, job_id: str) -> Response:
        job = jobs.find(job_id, "query")
        if job.version != known(version):
            raise Problem(409, "INVALIDJOB", "the job has another version")
        if job.state != "JobComplete":
            raise Problem(400, "INVALIDJOBSTATE", "the job has no results")
        try:
            start = int(base64.b64decode(request.query_params.get("locator", "MA=="), validate=True))
        except ValueError:
            raise Problem(400, "INVALIDLOCATOR", "the locator is none") from None
        end = start + min(int(request.query_params.get("maxRecords", jobs.page)), jobs.page)
        part = job.found[start:end]
        locator = base64.b64encode(str(end).encode()).decode() if end < len(job.found) else "null"
        headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(len(part))}
        return Response(csv_of(part, job.asked["columns"]), media_type="text/csv", headers=headers)

    @app.post(ROOT + "/jobs/ingest")
    async def make_ingest(request: Request, version: str) -> Json:
        asked = await body_of(request, dict)
        known_names = {"operation", "object", "externalIdFieldName", *FORMAT}
        needed = {"insert": set(), "update": set(), "upsert": {"externalIdFieldName"}}.get(str(asked.get("operation")))
        if needed is None or not {"object", *needed} <= asked.keys() or not asked.keys() <= known_names:
            raise Problem(400, "INVALIDJOB", "object, operation and perhaps externalIdFieldName are needed")
        org.visible(asked["object"])
        job = jobs.make(known(version), asked, "Open")
        return {**job.info, "contentUrl": f"services/data/{version}/jobs/ingest/{job.id}/batches"}

    @app.put(ROOT + "/jobs/ingest/{job_id}/batches", status_code=201)
    async def upload(request: Request, version: str, job_id: str) -> Response:
        job, table = jobs.find(job_id, "ingest"), await request.body()
        if request.headers.get("content-type", "").partition(";")[0] != "text/csv":
            raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", "Content type not supported")
        if job.state != "Open" or job.table is not None:
            raise Problem(400, "INVALIDJOBSTATE", "Found multiple contents for job")
        if len(table) * 4 / 3 > MOST_BYTES:
            raise Problem(400, "INVALIDBATCH", "the table is too large")
        job.table = table
        return Response(status_code=201)

    @app.get(ROOT + "/jobs/ingest/{job_id}/{name}")
    @app.get(ROOT + "/jobs/ingest/{job_id}/{name}/")
    async def outcomes(version: str, job_id: str, name: str) -> Response:
        job = jobs.find(job_id, "ingest")
        rows = {"successfulResults": job.done, "failedResults": job.failed, "unprocessedrecords": job.left}.get(name)
        if rows is None:
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        if job.state not in ENDED:
            raise Problem(400, "INVALIDJOBSTATE", "the job has no results")
        own = {"successfulResults": ["sf__Id", "sf__Created"], "failedResults": ["sf__Id", "sf__Error"]}.get(name, [])
        columns = [*own, *next(csv.reader([(job.table or b"").decode().partition("\n")[0]]), [])]
        return Response(csv_of(rows, columns), media_type="text/csv")

    @app.get(ROOT + "/jobs/{which}/{job_id}")
    async def look(version: str, which: str, job_id: str) -> Json:
        known(version)
        return jobs.looked_at(jobs.find(job_id, which))

    @app.patch(ROOT + "/jobs/{which}/{job_id}")
    async def change(request: Request, version: str, which: str, job_id: str) -> Json:
        known(version)
        job, state = jobs.find(job_id, which), (await body_of(request, dict)).get("state")
        if state == "UploadComplete" and job.state == "Open" and job.table is not None:
            job.state = "UploadComplete"
        elif state == "Aborted" and job.state not in ENDED:
            job.state = "Aborted"
        else:
            raise Problem(400, "INVALIDJOBSTATE", f"a job that is {job.state} can't become {state}")
        return job.info

    @app.delete(ROOT + "/jobs/{which}/{job_id}", status_code=204)
    async def delete(version: str, which: str, job_id: str) -> Response:
        known(version)
        if jobs.find(job_id, which).state not in ENDED:
            raise Problem(400, "INVALIDJOBSTATE", "a job that runs can't be deleted")
        del jobs.kept[job_id]
        return Response(status_code=204)
