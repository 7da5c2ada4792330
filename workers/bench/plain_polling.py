"""The alternative: the same tasks served by plain pyzeebe as its documentation shows it, polling, all defaults.

Run as ``python -m workers.bench.plain_polling JOB_TYPE…``. The task functions, their transaction and their ports are ours;
getting and completing jobs is pyzeebe's `ZeebeWorker`. The only module besides `workers.runtime.zeebe` that may import
pyzeebe and grpc: it is what we are measured against.

No ``from __future__ import annotations`` here: pyzeebe recognises the job's parameter by its annotation, and does not
read one that is text.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Any, cast

import structlog
from pyzeebe import Job, JobController, ZeebeWorker, create_insecure_channel, default_exception_handler

from workers.runtime import discovery, logs
from workers.runtime.database import open_pool
from workers.runtime.errors import BusinessError
from workers.runtime.resources import Resources
from workers.runtime.task import TaskSpec
from workers.runtime.unit import execute, identify, validated
from workers.runtime.work import JobInfo
from workers.settings import Settings, get_settings

log = structlog.get_logger()
CONNECTIONS = 10
"""As many database connections as one of our workers has."""


async def serve(settings: Settings, job_types: Sequence[str]) -> None:
    """Serve these tasks until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pool = await open_pool(settings.dsn, min_size=CONNECTIONS, max_size=CONNECTIONS)
    worker = ZeebeWorker(create_insecure_channel(settings.zeebe_address), exception_handler=_failed)
    resources = Resources(settings, pool)
    for job_type in job_types:
        _add(worker, discovery.find(job_type), resources)
    working, stopped = asyncio.create_task(worker.work()), asyncio.create_task(stop.wait())
    log.info("plain polling started", action="plain_started")
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        await worker.stop()
        await working
    finally:
        stopped.cancel()
        await pool.close()


def _add(worker: ZeebeWorker, spec: TaskSpec, resources: Resources) -> None:
    async def handle(job: Job, **_variables: object) -> dict[str, Any]:  # Any: JSON
        given = validated(spec, dict(job.variables))  # pyzeebe gives a read-only view, pydantic wants a dict
        business_id, loop_index = identify(spec, given)
        info = JobInfo(
            job_type=spec.job_type,
            element_id=job.element_id,
            business_id=business_id,
            loop_index=loop_index,
            key=job.key,
            process_instance_key=job.process_instance_key,
            element_instance_key=job.element_instance_key,
            process_definition_key=job.process_definition_key,
        )
        return (await execute(spec, given, info, resources, discovery.ROOT)).result

    # mypy can't infer the type variables of pyzeebe's decorator when it is called with arguments.
    worker.task(spec.job_type, variables_to_fetch=list(spec.input_model.model_fields))(handle)  # type: ignore[arg-type]


async def _failed(error: Exception, job: Job, controller: JobController) -> None:
    """As pyzeebe's own handler, which knows only its own business error and sends no variables."""
    if isinstance(error, BusinessError):
        variables = cast("dict[str, Any]", error.variables)  # ours are JSON, declared as object
        await controller.set_error_status(str(error), error_code=error.code, variables=variables)
    else:
        await default_exception_handler(error, job, controller)


def main() -> None:
    """Entry point of the process."""
    settings = get_settings()
    logs.configure(settings)
    asyncio.run(serve(settings, sys.argv[1:]))


if __name__ == "__main__":
    main()
