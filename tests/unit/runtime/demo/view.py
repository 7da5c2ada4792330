"""What became of element instances, as the in-memory engine's records tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.engine.embedded import EmbeddedEngine
from workers.runtime.errors import Unreachable
from workers.runtime.orphans import Ended


class Recorded:
    """The engine's view, from its record stream; `away` makes it unreachable."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.away = False

    async def ended(self, element_instance_keys: Sequence[int]) -> Mapping[int, Ended]:
        if self.away:
            raise Unreachable
        found: dict[int, Ended] = {}
        for record in self._engine.records():
            if record["valueType"] == "PROCESS_INSTANCE" and record["key"] in element_instance_keys:
                if record["intent"] == "ELEMENT_COMPLETED":
                    found[record["key"]] = "completed"
                elif record["intent"] == "ELEMENT_TERMINATED":
                    found[record["key"]] = "terminated"
        return found
