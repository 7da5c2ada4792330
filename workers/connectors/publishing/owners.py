"""Owners of accounts: what territories are in a CRM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.connectors.leads import System
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
        reps = {str(one) for one in wanted.values()}
        owners = await self._system.owners.owner_ids(self._system.client, reps)
        if nobody := sorted(reps - owners.keys()):
            raise NotTaken(
                f"it does not know {shown(nobody)}: nobody who can own records in {self._title} has the same e-mail address"
            )
        return {account: {self._system.mapping.owner: owners[str(rep)]} for account, rep in wanted.items()}
