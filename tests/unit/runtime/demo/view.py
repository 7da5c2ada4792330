"""What became of element instances, as the in-memory engine's records tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.engine.embedded import EmbeddedEngine
from workers.runtime.errors import Unreachable
from workers.runtime.orphans import Ended
from workers.runtime.work import JobInfo

ENDED: Mapping[str, Ended] = {"ELEMENT_COMPLETED": "completed", "ELEMENT_TERMINATED": "terminated"}


class Recorded:
    """The engine's view, from its record stream; `away` makes it unreachable."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.away = False

    async def ended(self, jobs: Sequence[JobInfo]) -> Mapping[int, Ended]:
        if self.away:
            raise Unreachable
        ended: dict[int, Ended] = {}
        known = set[int]()
        for record in self._engine.records():
            if record["valueType"] == "PROCESS_INSTANCE":
                known.add(record["key"])
                if record["intent"] in ENDED:
                    ended[record["key"]] = ENDED[record["intent"]]
        found = {job.element_instance_key: ended.get(job.element_instance_key) for job in jobs}
        for job in jobs:
            if job.element_instance_key not in known and job.process_instance_key in ended:
                found[job.element_instance_key] = "unknown"
        return {key: how for key, how in found.items() if how is not None}
