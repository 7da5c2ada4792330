"""Zipkin for the local stack: traces in memory, on loopback, forgotten when it stops."""

from __future__ import annotations

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.settings import Settings

MOST_SPANS = 20_000
"""Kept in memory; older traces go first. A lead that runs through makes about 25."""


def command(settings: Settings, store: Store) -> tuple[str, ...]:
    """Zipkin's command line."""
    heap = settings.heaps.zipkin
    return (
        *jvm.command(settings, first=heap // 2, most=heap),
        # Its own setting is a port alone, on all interfaces.
        "-Darmeria.ports[0].address=127.0.0.1",
        f"-Darmeria.ports[0].port={settings.ports.zipkin}",
        "-Darmeria.ports[0].protocols[0]=http",
        "-jar",
        str(store.jar(settings.versions.zipkin, "exec")),
    )


ENVIRONMENT = {"STORAGE_TYPE": "mem", "MEM_MAX_SPANS": str(MOST_SPANS)}
"""Zipkin's settings, by the variables that its documentation names."""
