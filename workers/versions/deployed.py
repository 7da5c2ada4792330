"""The versions of a process that the engine has, as the read model knows them from the engine's own records."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.runtime.drawing import Drawing, read_drawing
from workers.versions.errors import NoSuchVersion


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a process."""

    process: str
    version: int
    tag: str
    """Its version tag; empty: it has none."""
    key: int
    """Process definition key."""
    diagram: str
    """BPMN 2.0 XML as deployed."""

    @property
    def drawing(self) -> Drawing:
        """What the diagram says of its elements."""
        return read_drawing(self.diagram)

    def __str__(self) -> str:
        return f"{self.version} ({self.tag})" if self.tag else str(self.version)


async def versions_of(connection: AsyncConnection[DictRow], process: str) -> list[Version]:
    """All versions of a process, the newest first.

    Raises:
        NoSuchVersion: there is none.
    """
    query = """
        SELECT process, version, version_tag AS tag, key, diagram FROM control.processes WHERE process = %s
        ORDER BY version DESC
    """
    rows = await (await connection.execute(query, (process,))).fetchall()
    if not rows:
        raise NoSuchVersion(
            f"The read model knows no process {process}. `fairlead versions` lists those it knows; a new one shows after "
            "some seconds, if `fairlead readmodel run` is at work."
        )
    return [Version(**row) for row in rows]


def pick(versions: list[Version], number: int) -> Version:
    """One of them by its number.

    Raises:
        NoSuchVersion: it is not among them.
    """
    found = next((one for one in versions if one.version == number), None)
    if found is None:
        there = ", ".join(str(one.version) for one in versions[:20])
        raise NoSuchVersion(f"The read model knows no version {number} of {versions[0].process}, but {there}.")
    return found
