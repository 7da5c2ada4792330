"""Serves a simulated organisation: `python -m tests.simulators.salesforce --port 8300`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import uvicorn

from tests.simulators.salesforce import forecasts
from tests.simulators.salesforce.app import create_app
from tests.simulators.salesforce.bulk import Jobs
from tests.simulators.salesforce.bus import Bus
from tests.simulators.salesforce.door import Door
from tests.simulators.salesforce.org import Org

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=8300)
parser.add_argument("--events-port", type=int, help="Where the Pub/Sub API is served too; default: nowhere.")
parser.add_argument("--client-id", default=Door.client_id)
parser.add_argument("--client-secret", default=Door.client_secret)
parser.add_argument("--user", action="append", default=[], help="A user's e-mail address.")
given = parser.parse_args()
org = Org()
this_year = datetime.now(UTC).year
forecasts.switch_on(org, this_year, this_year + 1)
for email in given.user:
    org.person(email, email.partition("@")[0].title())
door = Door(client_id=given.client_id, client_secret=given.client_secret)
if given.events_port:
    Bus(org, door).serve(f"127.0.0.1:{given.events_port}")
uvicorn.run(create_app(org, door, Jobs(org)), host="127.0.0.1", port=given.port, log_level="warning", date_header=False)
