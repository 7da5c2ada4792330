"""The CRM and the ERP as planning knows them: other systems, with a pool of their own each, so that jobs that hold a
connection never wait for each other's.
"""

from __future__ import annotations

from pydantic import SecretStr

from workers.runtime.errors import DependencyDown, TransientError
from workers.runtime.outside import OutsideDatabase
from workers.runtime.resources import Resources

ERP_SECONDS = 10.0
"""All sales of an organisation are read at once."""

_CRM = "office.crm"
_ERP = "office.erp"


class CrmDown(TransientError):
    """The CRM did not answer in time; it is asked again."""

    runbook = "crm-away"


class CrmResting(DependencyDown, CrmDown):
    """The CRM failed too often of late and is not asked for a while."""


class ErpDown(TransientError):
    """The ERP did not answer in time; it is asked again."""

    runbook = "crm-away"


class ErpResting(DependencyDown, ErpDown):
    """The ERP failed too often of late and is not asked for a while."""


class CrmDatabase(OutsideDatabase):
    """The way to what the CRM knows of plans; raises `CrmDown` and `CrmResting`."""

    title = "CRM"
    dependency = "crm_planning"
    down = CrmDown
    resting = CrmResting


class ErpDatabase(OutsideDatabase):
    """The way to the ERP; raises `ErpDown` and `ErpResting`."""

    title = "ERP"
    dependency = "erp"
    down = ErpDown
    resting = ErpResting


def crm(resources: Resources) -> CrmDatabase:
    """The process's way to the CRM, one for all contexts."""
    conninfo = _conninfo(resources, resources.settings.crm_database_url)
    database: CrmDatabase = resources.cache.setdefault(_CRM, CrmDatabase(conninfo))
    return database


def erp(resources: Resources) -> ErpDatabase:
    """The process's way to the ERP, one for all contexts."""
    conninfo = _conninfo(resources, resources.settings.erp_database_url)
    database: ErpDatabase = resources.cache.setdefault(_ERP, ErpDatabase(conninfo, timeout=ERP_SECONDS))
    return database


async def close(resources: Resources) -> None:
    """Close them; a context's `wiring.close` calls it, and the second call does nothing."""
    for name in (_CRM, _ERP):
        database = resources.cache.pop(name, None)
        if database is not None:
            await database.close()


def _conninfo(resources: Resources, apart: SecretStr | None) -> str:
    return str(resources.pool.conninfo) if apart is None else apart.get_secret_value()
