"""Tasks with a due time as the read model has them, and what became of them.

A task is *settled* when it is known whether its due time ran out: when it ended, or else at its due time. *Late* is one
that had not ended by then; one that was cancelled before is not late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

LOOK_BACK = 14 * 86_400.0
"""Seconds before a moment in which people's and places' records count; the history must reach so far back."""
MOST = 60_000
"""Tasks of a history; of more, the newest."""

# Moments as seconds since 1970. A task that ended before it began (clocks of two brokers) ended at once. The log has
# milliseconds: the end at a due time that has more digits would seem to have come before it.
_TASKS = """
    SELECT t.key, t.instance_key, t.process || '/' || t.element,
           CASE WHEN cardinality(t.users) = 1 THEN t.users[1] ELSE '' END,
           extract(epoch FROM t.created_at)::float8, extract(epoch FROM date_trunc('milliseconds', t.due_at))::float8,
           CASE WHEN t.ended_at IS NOT NULL THEN extract(epoch FROM greatest(t.ended_at, t.created_at)) END::float8, coalesce(t.completed, false),
           extract(epoch FROM i.started_at)::float8, extract(epoch FROM i.ended_at)::float8
    FROM control.user_tasks t LEFT JOIN control.instances i ON i.key = t.instance_key
    WHERE t.due_at IS NOT NULL AND t.created_at IS NOT NULL AND t.created_at <= %(until)s
      AND (t.created_at >= %(since)s OR t.ended_at IS NULL OR t.ended_at >= %(since)s)
    ORDER BY t.created_at DESC, t.key DESC LIMIT %(most)s
"""
# What an instance has gone through by a moment.
_GONE = """
    SELECT (SELECT count(*) FROM control.elements e
            WHERE e.instance_key = a.instance AND e.started_at <= to_timestamp(a.at)),
           (SELECT count(*) FROM control.incidents f
            WHERE f.instance_key = a.instance AND f.raised_at <= to_timestamp(a.at))
    FROM unnest(%(instances)s::bigint[], %(moments)s::float8[]) WITH ORDINALITY AS a (instance, at, number)
    ORDER BY a.number
"""


@dataclass(frozen=True, slots=True)
class History:
    """Tasks in the order of their creation, by columns of equal length; moments in seconds since 1970."""

    key: Ints
    instance: Ints
    place: NDArray[np.str_]
    """``process/element``."""
    person: NDArray[np.str_]
    """The one who alone may do it; empty: a group."""
    created: Floats
    due: Floats
    ended: Floats
    """NaN: it is open."""
    completed: Bools
    began: Floats
    """Of its instance; NaN: the record of it is missing."""
    instance_ended: Floats
    """NaN: it runs."""

    def __len__(self) -> int:
        return len(self.key)

    @property
    def late(self) -> Bools:
        """Not ended by its due time, whether that has come or not."""
        return np.isnan(self.ended) | (self.ended >= self.due)

    @property
    def settled(self) -> Floats:
        """When it is known whether it is late."""
        return np.where(self.late, self.due, self.ended)

    @property
    def usable(self) -> Bools:
        """It had time at all: one that was due when it was created says nothing of people."""
        return self.due > self.created


async def read(connection: AsyncConnection[DictRow], since: datetime, until: datetime, *, most: int = MOST) -> History:
    """All tasks with a due time that were created up to `until`, and were open or begun at some moment from `since` on."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_TASKS.encode(), {"since": since, "until": until, "most": most})
        rows = (await cursor.fetchall())[::-1]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10

    def floats(number: int) -> Floats:
        return np.array(columns[number], dtype=np.float64)  # NULL becomes NaN

    return History(
        key=np.array(columns[0], dtype=np.int64),
        instance=np.array(columns[1], dtype=np.int64),
        place=np.array(columns[2], dtype=np.str_),
        person=np.array(columns[3], dtype=np.str_),
        created=floats(4),
        due=floats(5),
        ended=floats(6),
        completed=np.array(columns[7], dtype=np.bool_),
        began=floats(8),
        instance_ended=floats(9),
    )


async def gone_through(connection: AsyncConnection[DictRow], instances: Ints, moments: Floats) -> Floats:
    """Of each instance the elements begun and the incidents raised by a moment: two columns."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_GONE.encode(), {"instances": instances.tolist(), "moments": moments.tolist()})
        rows = await cursor.fetchall()
    return np.array(rows, dtype=np.float64).reshape(len(instances), 2)
