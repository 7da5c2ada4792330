"""The section of `workers.settings.Settings` that says which system is the CRM of which planning process."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

CrmName = Literal["postgresql", "hubspot", "salesforce"]
"""The built-in CRM, or one that is reached over the internet."""


class Crms(BaseModel):
    """What stands behind each planning process; that of lead routing is `Settings.crm`."""

    territories: CrmName = "postgresql"
    """Where the owners of accounts are written when territories are published."""
    quotas: CrmName = "postgresql"
    """Where the quotas of people are written when they are published."""
    opportunities: CrmName = "postgresql"
    """Where open opportunities are read, and each rep's ranking is written."""

    def uses(self, system: CrmName) -> frozenset[str]:
        """The planning processes that a system stands behind."""
        return frozenset(name for name, crm in self if crm == system)
