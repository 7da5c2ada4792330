"""Owners of accounts: what territories are in a CRM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.connectors.leads import System
from workers.connectors.people import NoOwner
from workers.connectors.publishing.publisher import NotTaken, shown
from workers.connectors.publishing.records import Values
from workers.office.outside_targets import Wanted


class AccountOwners:
    """Account → rep, as account → owner there: a rep is who has the same e-mail address."""

    def __init__(self, system: System[Any, Any], title: str) -> None:  # Any: whichever system it is
        self._system = system
        self._title = title

    async def __call__(self, wanted: Wanted) -> Mapping[str, Values]:
        """See `publisher.Translate`.

        Raises:
            NotTaken: names the reps that nobody is there.
        """
        owners, nobody = dict[str, str](), list[str]()
        for rep in sorted({str(one) for one in wanted.values()}):
            try:
                owners[rep] = await self._system.owners.owner_id(self._system.client, rep)
            except NoOwner:
                nobody.append(rep)
        if nobody:
            raise NotTaken(
                f"it does not know {shown(nobody)}: nobody who can own records in {self._title} has the same e-mail address"
            )
        return {account: {self._system.mapping.owner: owners[str(rep)]} for account, rep in wanted.items()}
