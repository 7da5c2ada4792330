"""Settings → adapters. Heavy things are made when first used and kept for the life of the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from workers.connectors.outbound import GuardedTransport
from workers.runtime.resources import Deliver, Resources
from workers.runtime.work import Work
from workers.web_services.adapters.http import HttpWeb
from workers.web_services.adapters.soap import ZeepServices
from workers.web_services.domain.request import Secret
from workers.web_services.ports import WebServicesPorts

_WEB = "web_services"


def ports(resources: Resources, work: Work) -> WebServicesPorts:
    """What one job's task gets as its second argument."""
    if _WEB not in resources.cache:
        settings = resources.settings.web_services
        secrets = {
            name: Secret(one.value.get_secret_value(), frozenset(one.hosts)) for name, one in settings.secrets.items()
        }
        web = HttpWeb(GuardedTransport(trusted_hosts=settings.trusted_hosts), secrets)
        resources.cache[_WEB] = (web, ZeepServices(settings.soap, web))
    web, soap = resources.cache[_WEB]
    return WebServicesPorts(web=web, soap=soap, work=work)


def deliveries(_resources: Resources) -> Mapping[str, Deliver]:
    """Nothing goes by the outbox: the diagram waits for the answer."""
    return {}


async def prepare(_resources: Resources, _tasks: Collection[str]) -> None:
    """Nothing is slow the first time."""


async def close(resources: Resources) -> None:
    """Close what this context keeps open; call it before the process ends."""
    if made := resources.cache.pop(_WEB, None):
        web, _ = made
        await web.close()
