"""Serves a simulated account: `python -m tests.simulators.hubspot --port 8200`.

With `--webhooks URL --secret S` it tells Fairlead of new contacts, signed as HubSpot signs.
"""

from __future__ import annotations

import argparse
import asyncio

import uvicorn

from tests.simulators.hubspot.app import create_app
from tests.simulators.hubspot.limits import Door
from tests.simulators.hubspot.records import Account
from tests.simulators.hubspot.telling import tell


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8200)
    parser.add_argument("--token", default=Door.token)
    parser.add_argument("--owner", action="append", default=[], help="An owner's e-mail address.")
    parser.add_argument("--webhooks", help="Where Fairlead takes webhooks.")
    parser.add_argument("--secret", default="")
    given = parser.parse_args()
    account, door = Account(index_seconds=3.0), Door(token=given.token)
    for email in given.owner:
        account.owner(email)
    config = uvicorn.Config(create_app(account, door), host="127.0.0.1", port=given.port, log_level="warning")
    telling = asyncio.create_task(tell(account, given.webhooks, given.secret)) if given.webhooks else None
    await uvicorn.Server(config).serve()
    if telling is not None:
        telling.cancel()


asyncio.run(main())
