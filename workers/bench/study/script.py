"""One script of those that are run by hand: works off what waits for one task, one after the other, and ends.

Run as ``python -m workers.bench.study.script JOB_TYPE``. The task function, its transaction and its ports are those of the
process.
"""

from __future__ import annotations

import asyncio
import sys

from workers.runtime import discovery, logs
from workers.runtime.database import open_pool
from workers.runtime.errors import BusinessError
from workers.runtime.resources import Resources
from workers.runtime.task import TaskSpec
from workers.runtime.unit import execute, validated
from workers.runtime.worker import info_of
from workers.runtime.zeebe.client import ZeebeClient
from workers.runtime.zeebe_types import Job
from workers.settings import Settings, get_settings

AT_ONCE = 200
JOB_SECONDS = 600.0
NAME = "by hand"


async def work_off(settings: Settings, job_type: str) -> int:
    """Do the jobs that wait, until none is left; their number."""
    spec = discovery.find(job_type)
    pool = await open_pool(settings.dsn, min_size=1, max_size=4)
    done = 0
    try:
        async with ZeebeClient(settings) as engine:
            resources, variables = Resources(settings, pool), list(spec.input_model.model_fields)
            while jobs := await engine.activate(
                job_type, worker=NAME, timeout_seconds=JOB_SECONDS, variables=variables, at_most=AT_ONCE
            ):
                for job in jobs:
                    await _do(engine, spec, job, resources)
                    done += 1
    finally:
        await pool.close()
    return done


async def _do(engine: ZeebeClient, spec: TaskSpec, job: Job, resources: Resources) -> None:
    given = validated(spec, job.variables)
    try:
        done = await execute(spec, given, info_of(spec, job, given), resources, discovery.ROOT)
    except BusinessError as error:
        await engine.throw(job.key, code=error.code, message=str(error), variables=error.variables)
    else:
        await engine.complete(job.key, done.variables)


def main() -> None:
    """Entry point of the process."""
    settings = get_settings()
    logs.configure(settings)
    print(asyncio.run(work_off(settings, sys.argv[1])))  # noqa: T201 - what the script has to say


if __name__ == "__main__":
    main()
