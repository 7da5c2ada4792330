"""Serves a simulated system: `python -m tests.simulators.sap --port 8400`."""

from __future__ import annotations

import argparse

import uvicorn

from tests.simulators.sap.app import create_app
from tests.simulators.sap.door import Door
from tests.simulators.sap.serving import made

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, default=8400)
parser.add_argument("--user", default=Door.username)
parser.add_argument("--password", default=Door.password)
given = parser.parse_args()
simulated = made()
simulated.door.username, simulated.door.password = given.user, given.password
app = create_app(simulated.system, simulated.door, simulated.services)
uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")
