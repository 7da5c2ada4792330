"""Accounts, reps and rules from the store (tables territories.accounts, reps and rules), read by the solver's rules.

The numbers layer is imported when first used: every worker of this context imports this module, only one plans.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from workers.runtime.work import Work
from workers.territory_alignment.domain.collection import LEFT_OUT, Collected, Problem, RuleCount
from workers.territory_alignment.domain.organisation import Organisation

if TYPE_CHECKING:
    from workers.territory_alignment.solving.reading import Problem as Found

Rows = list[dict[str, str]]

# Numbers as texts, as the solver reads them from files.
_ACCOUNTS = """
SELECT account, coalesce(latitude::text, '') AS latitude, coalesce(longitude::text, '') AS longitude,
    coalesce(potential::text, '') AS potential, coalesce(workload::text, '') AS workload, industry, skills, languages,
    owner, coalesce(relationship_years::text, '') AS relationship_years, region,
    CASE WHEN key_account THEN 'yes' ELSE '' END AS key_account
FROM territories.accounts WHERE organisation = %s ORDER BY place
"""
_REPS = """
SELECT rep, name, email, region, coalesce(latitude::text, '') AS latitude, coalesce(longitude::text, '') AS longitude,
    coalesce(capacity::text, '') AS capacity, coalesce(maximum_load::text, '') AS maximum_load, skills, languages
FROM territories.reps WHERE organisation = %s AND (left_on IS NULL OR rep = ANY(%s)) ORDER BY place
"""
_RULES = """
SELECT rule, account, rep, industry, skills, value FROM territories.rules WHERE organisation = %s ORDER BY place
"""


class PostgresDataDesk:
    """`DataDesk` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def collect(
        self, alignment_id: str, collection: int, organisation: Organisation, named: Sequence[str]
    ) -> Collected:
        """See `DataDesk.collect`."""
        accounts, rules = [await self._rows(query, organisation.id) for query in (_ACCOUNTS, _RULES)]
        # Who left long ago is no rep any more; who leaves is needed to plan what becomes of their accounts.
        reps = await self._rows(_REPS, organisation.id, list(named))
        problems, usable = await asyncio.to_thread(_read, accounts, reps, rules, organisation.id)
        collection_id = f"{alignment_id}/{collection}"
        await self._work.connection.execute(
            "INSERT INTO territories.collections (collection_id, alignment_id, organisation, accounts, reps, rules,"
            " problems) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                *(collection_id, alignment_id, organisation.id, Jsonb(accounts), Jsonb(reps), Jsonb(rules)),
                Jsonb([{"subject": one.subject, "rule": one.rule, "text": one.text} for one in problems]),
            ),
        )
        rules_named = {"unknown_name", "unknown_rule", "empty_rule", "locked_twice"}
        left_out = [one for one in problems if one.rule not in LEFT_OUT | rules_named]
        known = {row["rep"] for row in reps}
        return Collected(
            collection_id=collection_id,
            accounts=len(accounts),
            reps=len(reps),
            left_out=len(left_out),
            share_left_out=round(len(left_out) / max(len(accounts) + len(reps), 1), 4),
            rules_left_out=sum(one.rule in rules_named for one in problems),
            usable=usable,
            unknown_reps=tuple(sorted(set(named) - known)),
            by_rule=tuple(RuleCount(*pair) for pair in Counter(one.rule for one in problems).most_common()),
        )

    async def problems(self, collection_id: str, most: int) -> Sequence[Problem]:
        """See `DataDesk.problems`."""
        cursor = await self._work.connection.execute(
            "SELECT problems FROM territories.collections WHERE collection_id = %s", (collection_id,)
        )
        row = await cursor.fetchone()
        return [Problem(**one) for one in (row["problems"] if row else [])[:most]]

    async def _rows(self, query: str, *values: object) -> Rows:
        cursor = await self._work.connection.execute(query.encode(), values)
        return list(await cursor.fetchall())


def _read(accounts: Rows, reps: Rows, rules: Rows, name: str) -> tuple[list[Problem], bool]:
    """What cannot be used, and whether anything can."""
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    from workers.territory_alignment.solving.errors import InputError  # noqa: PLC0415
    from workers.territory_alignment.solving.reading import Table, read_tables  # noqa: PLC0415

    tables = {"accounts": accounts, "reps": reps, "rules": rules}
    names = {"accounts": "account", "reps": "rep", "rules": "rule"}
    frames = {table: Table(table, pd.DataFrame(rows, dtype=str)) for table, rows in tables.items()}
    try:
        reading = read_tables(frames["accounts"], frames["reps"], frames["rules"] if rules else None, name=name)
    except InputError as error:
        return [Problem("", "nothing_usable", str(error))], False

    def told(found: Found) -> Problem:
        table, _, row = found.where.partition(", row ")
        if not row:
            return Problem("", found.rule, found.text)
        one = tables[table][int(row) - 2]  # the header is row 1
        text = found.text.removeprefix(f"{found.where}: ")
        return Problem(one[names[table]], found.rule, text)

    return [told(found) for found in reading.problems], True
