"""Salesforce's Bulk API 2.0: a job reads or writes very many records, for a few of the day's requests.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Literal

import structlog

from workers.connectors.answers import NAME, Json, SystemConflict, SystemDown, SystemPause, SystemRefused
from workers.connectors.records import Record
from workers.connectors.salesforce import answers, tables
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.client import Kind, SalesforceClient
from workers.connectors.salesforce.read import Read
from workers.connectors.salesforce.tables import Table
from workers.connectors.sync.patience import patiently

log = structlog.get_logger()

BULK_SECONDS = 120.0
"""Of a request, which may carry a large table."""
FIRST_SECONDS = 0.5
SLOWEST_SECONDS = 20.0
"""Between two looks at a job; each is one of the day's requests."""
INGEST_SECONDS = 3600.0
"""So long what is sent may take; Salesforce itself gives up on a part of it after 20 times 5 min."""

Which = Literal["query", "ingest"]
_FAILURES = (SystemDown, SystemPause, SystemRefused, SystemConflict)


class JobGone(Exception):
    """There is no such job (any more): Salesforce forgets it after seven days."""


class Bulk:
    """Jobs in one organisation. Every method raises what `SalesforceClient`'s do."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client

    async def query(self, query: str) -> str:
        """Have a query answered; the id of the job that does it."""
        return await self._make("query", {"operation": "query", "query": query})

    async def answered(self, job: str, *, within: float) -> bool:
        """Whether a query's results are there, for which up to so many seconds are waited.

        Raises:
            JobGone: nobody knows it.
            SystemRefused: it failed, or somebody aborted it; it is deleted, and a new one may be made.
        """
        state = await self._until_ended("query", job, within)
        if state is None:
            return False
        if state["state"] == "JobComplete":
            return True
        await self.forget("query", job)
        raise SystemRefused(f"Salesforce's job {job} {_ended(state)}. Ask for the same again, and a new one is made.")

    async def results(
        self, job: str, locator: str, most: int, fields: Collection[str]
    ) -> tuple[Sequence[Record], str | None]:
        """Some of what a query found, from `locator` on, empty: from the first; and the next locator, None: that was all.

        The same locator always tells the same records, as they were when the job ran.

        Raises:
            JobGone: nobody knows it.
        """
        params = {"maxRecords": str(most), **({"locator": locator} if locator else {})}
        answer, table = await self._table(f"/jobs/query/{job}/results", params, "read a job's results")
        told = answer.get("sforce-numberofrecords", "")
        if told != str(len(table.rows)) or (table.rows and not set(fields) <= set(table.columns)):
            raise SystemDown("Salesforce's answer has not all records or fields that it should.")
        following = answer.get("sforce-locator", "null")
        found = [Read(row["Id"], {name: value or None for name, value in row.items()}, None) for row in table.rows]
        return found, None if following in {"null", ""} else following

    async def write(
        self, kind: Kind, records: Mapping[str, Mapping[str, str]], *, key: str = "Id"
    ) -> dict[str, str | Fault]:
        """Write records by their ids, or by a field that is an external id: then one that is not there is made.

        The id of each there, or what was wrong with it; of one that is left out it is not known, or it was not tried.

        Raises:
            SystemRefused: somebody aborted the job; what was written by then stays.
        """
        done: dict[str, str | Fault] = {}
        for ids, table in tables.written(records, key):
            job = await patiently(partial(self._sent, kind, key, table))
            try:
                state = await self._until_ended("ingest", job, INGEST_SECONDS)
                if state is None or state["state"] == "Aborted":
                    ended = "was aborted" if state else f"did not end within {INGEST_SECONDS:.0f} s"
                    raise SystemRefused(
                        f"Salesforce's job {job} with {len(ids)} records {ended}. What it wrote stays, and is found again."
                    )
                if state["state"] == "Failed":
                    log.warning("job failed", action="salesforce_job_failed", job=job, reason=_ended(state))
                done |= await self._outcomes(job, key)
            except JobGone:
                raise SystemDown(f"Salesforce's job {job} is gone before it ended; it is sent again.") from None
            finally:
                await self.forget("ingest", job)
        return done

    async def forget(self, which: Which, job: str) -> None:
        """Delete a job; one that still runs is aborted first. What fails here Salesforce does itself after seven days."""
        path = f"/jobs/{which}/{job}"
        steps: list[tuple[str, Json | None]] = [("DELETE", None), ("PATCH", {"state": "Aborted"}), ("DELETE", None)]
        for method, body in steps:
            with contextlib.suppress(*_FAILURES):
                await self._client.ask(method, path, "delete a job", json=body)
                if method == "DELETE":
                    return

    async def _make(self, which: Which, asked: Json) -> str:
        format_ = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
        body = await self._client.ask("POST", f"/jobs/{which}", "make a job", json={**asked, **format_})
        job = body.get("id") if isinstance(body, dict) else None
        if not isinstance(job, str) or not NAME.fullmatch(job):
            raise SystemDown("Salesforce's answer does not name the job that it made.")
        return job

    async def _sent(self, kind: Kind, key: str, table: bytes) -> str:
        """A job that has its table. A table can be sent once, so what fails in between is begun anew."""
        how = {"operation": "update"} if key == "Id" else {"operation": "upsert", "externalIdFieldName": key}
        job = await self._make("ingest", {"object": kind, **how})
        try:
            await self._filled(job, table)
        except BaseException:  # also if we are to end: it would lie there for a week
            await asyncio.shield(self.forget("ingest", job))
            raise
        return job

    async def _filled(self, job: str, table: bytes) -> None:
        path, what = f"/jobs/ingest/{job}", "send a job's records"
        sent = await self._client.exchange(
            "PUT", f"{path}/batches", headers={"Content-Type": "text/csv"}, content=table
        )
        if sent.status != 201:
            self._client.read(sent, what)
            raise SystemDown(f"Salesforce could not {what} ({sent.form}).")
        await self._client.ask("PATCH", path, what, json={"state": "UploadComplete"})

    async def _until_ended(self, which: Which, job: str, within: float) -> Json | None:
        """What a job says at its end; None: it has not ended after so many seconds."""
        until, pause = time.monotonic() + within, FIRST_SECONDS
        while True:
            found = await patiently(partial(self._client.ask, "GET", f"/jobs/{which}/{job}", "look at a job"))
            if found is None:
                raise JobGone
            if not isinstance(found, dict) or not isinstance(found.get("state"), str):
                raise SystemDown("Salesforce's answer does not say how a job is.")
            if found["state"] in {"JobComplete", "Failed", "Aborted"}:
                return found
            if time.monotonic() + pause > until:
                return None
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - not all at once
            pause = min(pause * 1.5, SLOWEST_SECONDS)

    async def _outcomes(self, job: str, key: str) -> dict[str, str | Fault]:
        done: dict[str, str | Fault] = {}
        for name in ("successfulResults", "failedResults"):
            asked = partial(self._table, f"/jobs/ingest/{job}/{name}", {}, "read what became of a job's records")
            _, table = await patiently(asked)
            for row in table.rows:
                if not (one := row.get(key)):
                    raise SystemDown("Salesforce's answer does not say of which records it tells.")
                made = name == "successfulResults" and row.get("sf__Id")
                done[one] = made or answers.job_fault(row.get("sf__Error", ""))
        return done

    async def _table(self, path: str, params: Mapping[str, str], what: str) -> tuple[Mapping[str, str], Table]:
        table = Table()
        answer = await self._client.exchange(
            "GET", path, params=params, headers={"Accept": "text/csv"}, sink=table.feed
        )
        if answer.status != 200:
            if self._client.read(answer, what) is None:
                raise JobGone
            raise SystemDown(f"Salesforce could not {what} ({answer.form}).")
        if not answer.headers.get("content-type", "").startswith("text/csv"):
            raise SystemDown(f"Salesforce could not {what} ({answer.form}).")
        table.close()
        return answer.headers, table


def _ended(state: Json) -> str:
    """How a job ended, without Salesforce's own words: they repeat values."""
    if state["state"] == "Aborted":
        return "was aborted"
    code = str(state.get("errorMessage") or "").partition(":")[0].strip()
    return f"failed ({code if NAME.fullmatch(code) else 'it does not say why'})"
