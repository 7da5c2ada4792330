"""Records as Zeebe's exporter for OpenSearch or Elasticsearch writes them, read in their order and without a gap.

The exporter numbers the records of each partition and value type without holes (field ``sequence``: the partition's
number in the bits above `COUNTER_BITS`, a counter below). So a page is whole if as many records are there as its numbers
say; shards that show their parts at different moments can hide none. Only what is asked for is transferred.
Reference: https://docs.camunda.io/docs/8.6/self-managed/zeebe-deployment/exporters/opensearch-exporter/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from workers.settings import Settings

Record = dict[str, Any]
"""A record as the exporter wrote it; its ``value`` differs for each value type, so it has no closer type."""

COUNTER_BITS = 51
"""Of ``sequence``; as in Zeebe's ``Protocol.encodePartitionId``."""

WINDOW = 2_000
"""Numbers of a page. Most are of records that nobody asks for, so it holds a few hundred records."""

TIMEOUT_SECONDS = 20.0


class RecordsUnavailable(Exception):
    """The exporter's records can't be read; the message says why, and what to set."""


_IN_ORDER = [{"sequence": {"order": "asc", "unmapped_type": "long"}}]


@dataclass(frozen=True, slots=True)
class Kind:
    """A value type that is followed: its index, the intents that are looked at, and the fields that are needed."""

    value_type: str
    index: str
    intents: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What follows after a cursor."""

    records: Sequence[Record]
    """Those of the kind's intents, in order."""
    top: int
    """The highest ``sequence`` of the page; the cursor itself if there is nothing new."""
    missing: int
    """Numbers between cursor and `top` of which there is no record (yet)."""
    full: bool
    """Whether there may be more behind it."""


class ExportedRecords:
    """Use as ``async with ExportedRecords(settings) as source``."""

    def __init__(self, settings: Settings) -> None:
        room = settings.control_room
        self._url = settings.records_url
        self._prefix = room.index_prefix
        auth = None
        if room.records_username and room.records_password:
            auth = httpx.BasicAuth(room.records_username, room.records_password.get_secret_value())
        self._http = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_SECONDS, auth=auth, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def partitions(self) -> list[int]:
        """Numbers of the partitions that have exported something. Raises `RecordsUnavailable`."""
        body = {"size": 0, "aggs": {"partitions": {"terms": {"field": "partitionId", "size": 1_000}}}}
        # What is deployed is to be known before anything has been started.
        answers = await self._ask([("process", body), ("process-instance", body)])
        found = [one.get("aggregations", {}).get("partitions", {}).get("buckets", []) for one in answers]
        return sorted({int(one["key"]) for buckets in found for one in buckets})

    async def after(self, cursors: Sequence[tuple[Kind, int, int]]) -> list[Page]:
        """The next page for each kind, partition and ``sequence``. Raises `RecordsUnavailable`."""
        answers = await self._ask([(kind.index, _page_of(kind, at)) for kind, _, at in cursors])
        return [_page(answer, at) for answer, (_, _, at) in zip(answers, cursors, strict=True)]

    async def first_after(self, kind: Kind, partition: int, at: int) -> int | None:
        """The next ``sequence`` that is there at all, beyond a gap of records that were deleted; None: nothing is.

        Raises `RecordsUnavailable`.
        """
        end = (partition + 1) << COUNTER_BITS
        body = {
            "size": 1,
            "_source": ["sequence"],
            "query": {"range": {"sequence": {"gt": at, "lt": end}}},
            "sort": _IN_ORDER,
        }
        (answer,) = await self._ask([(kind.index, body)])
        hits = answer["hits"]["hits"]
        return int(hits[0]["_source"]["sequence"]) if hits else None

    async def search(self, index: str, query: Mapping[str, Any], fields: Sequence[str], most: int) -> list[Record]:
        """Up to `most` records of an index for which a query holds, in no order. Raises `RecordsUnavailable`."""
        (answer,) = await self._ask([(index, {"size": most, "_source": list(fields), "query": query})])
        return [one["_source"] for one in answer["hits"]["hits"]]

    async def _ask(self, searches: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
        if not searches:
            return []
        lines = []
        for index, body in searches:
            head = {"index": f"{self._prefix}_{index}_*", "ignore_unavailable": True, "allow_no_indices": True}
            lines += [json.dumps(head), json.dumps(body)]
        try:
            answer = await self._http.post(
                "/_msearch",
                content="\n".join(lines) + "\n",
                headers={"Content-Type": "application/x-ndjson"},
            )
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise RecordsUnavailable(
                f"The engine's records at {self._url} were refused (HTTP {error.response.status_code}). Set "
                "FAIRLEAD_CONTROL_ROOM__RECORDS_URL, RECORDS_USERNAME and RECORDS_PASSWORD."
            ) from None
        except httpx.HTTPError as error:
            raise RecordsUnavailable(
                f"The engine's records at {self._url} can't be reached ({type(error).__name__}). Is OpenSearch up? "
                "FAIRLEAD_CONTROL_ROOM__RECORDS_URL says where the exporter writes."
            ) from None
        found: list[dict[str, Any]] = answer.json()["responses"]
        for one in found:
            if "error" in one:
                raise RecordsUnavailable(f"The engine's records can't be read: {one['error'].get('reason')}.")
        return found


def _page_of(kind: Kind, at: int) -> dict[str, Any]:
    return {
        "size": WINDOW,
        "_source": ["key", "position", "sequence", "timestamp", "intent", *(f"value.{name}" for name in kind.fields)],
        "query": {"range": {"sequence": {"gt": at, "lte": at + WINDOW}}},
        # Counted before this filter, transferred after it.
        "post_filter": {"terms": {"intent": list(kind.intents)}},
        "sort": _IN_ORDER,
        "aggs": {
            "there": {"value_count": {"field": "sequence"}},
            # Not `max`, which answers with a double: that has too few digits from the fourth partition on.
            "newest": {"top_hits": {"size": 1, "_source": ["sequence"], "sort": [{"sequence": {"order": "desc"}}]}},
        },
    }


def _page(answer: Mapping[str, Any], at: int) -> Page:
    counted = answer.get("aggregations", {})
    there = int(counted.get("there", {}).get("value") or 0)
    newest = counted.get("newest", {}).get("hits", {}).get("hits", [])
    top = int(newest[0]["_source"]["sequence"]) if newest else at
    records = [hit["_source"] for hit in answer["hits"]["hits"]]
    return Page(records, top, missing=top - at - there, full=top - at == WINDOW)
