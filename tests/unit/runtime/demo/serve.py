"""Serves tasks of `flow` as `fairlead worker run` serves those of Fairlead: ``python -m tests.unit.runtime.demo.serve TASK…``."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.unit.runtime.demo import faults
from workers.runtime import logs
from workers.runtime.service import serve_outbox, serve_tasks
from workers.settings import get_settings

if __name__ == "__main__":
    settings = get_settings()
    logs.configure(settings)
    if point := os.environ.get(faults.VARIABLE):
        faults.arm(point)
    if sys.argv[1] == "outbox":
        raise SystemExit(asyncio.run(serve_outbox(settings, metrics_port=0, root="tests.unit.runtime.demo")))
    raise SystemExit(asyncio.run(serve_tasks(settings, sys.argv[1:], metrics_port=0, root="tests.unit.runtime.demo")))
