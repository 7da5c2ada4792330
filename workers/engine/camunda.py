"""Camunda 8.6 as one process: Zeebe's broker and gateway, REST, Tasklist and Operate, all on loopback.

The distribution lies read-only in the cache; whatever it writes lies below the home folder.
"""

from __future__ import annotations

from pathlib import Path

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.settings import Settings

LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="Console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} [%t] %-5level %logger{36} - %msg%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="info"><AppenderRef ref="Console"/></Root>
    <Logger name="org.ehcache.core.EhcacheManager" level="warn"/>
    <Logger name="io.camunda.operate.zeebeimport" level="error"/> <!-- several lines for each user task -->
  </Loggers>
</Configuration>
"""
"""The supervisor rotates the log; Camunda's own file would lie beside the program."""
FREE_BYTES = 2 * 1024**3
"""Below this Zeebe takes no commands and stands still: the default of its ``data.disk.freeSpace.processing``."""


def folder(settings: Settings) -> Path:
    """Where Camunda keeps its data."""
    return settings.home.absolute() / "camunda"


def command(settings: Settings, store: Store) -> tuple[str, ...]:
    """Camunda's command line: what its `bin/camunda` runs, with our heap and folders."""
    program = store.unpacked(settings.versions.camunda)
    heap = settings.heaps.camunda
    home = folder(settings)
    return (
        *jvm.command(settings, first=heap // 2, most=heap),
        "-Xshare:auto",
        "-Dfile.encoding=UTF-8",
        "-Dapp.name=camunda",
        f"-Dapp.home={home}",
        f"-Dbasedir={home}",
        "-classpath",
        f"{program / 'config'}:{program / 'lib'}/*",
        "io.camunda.application.StandaloneCamunda",
    )


def environment(settings: Settings) -> dict[str, str]:
    """Camunda's settings, by the environment variables that its documentation names."""
    ports, tuning = settings.ports, settings.camunda
    opensearch = f"http://127.0.0.1:{ports.opensearch}"
    found = {
        "SPRING_PROFILES_ACTIVE": "broker,operate,tasklist,auth",
        "LOGGING_CONFIG": str(folder(settings) / "log4j2.xml"),
        "SERVER_ADDRESS": "127.0.0.1",
        "SERVER_PORT": str(ports.camunda_http),
        "MANAGEMENT_SERVER_ADDRESS": "127.0.0.1",
        "MANAGEMENT_SERVER_PORT": str(ports.camunda_management),
        "ZEEBE_BROKER_NETWORK_HOST": "127.0.0.1",
        "ZEEBE_BROKER_NETWORK_COMMANDAPI_PORT": str(ports.zeebe_command),
        "ZEEBE_BROKER_NETWORK_INTERNALAPI_PORT": str(ports.zeebe_internal),
        "ZEEBE_BROKER_GATEWAY_NETWORK_HOST": "127.0.0.1",
        "ZEEBE_BROKER_GATEWAY_NETWORK_PORT": str(ports.zeebe),
        "ZEEBE_BROKER_DATA_DIRECTORY": str(folder(settings) / "data"),
        # The least it takes, of 5 minutes by default: what came after the last snapshot is replayed after a crash, before
        # anything else is done.
        "ZEEBE_BROKER_DATA_SNAPSHOTPERIOD": "1m",
        "ZEEBE_BROKER_THREADS_CPUTHREADCOUNT": str(tuning.cpu_threads),
        "ZEEBE_BROKER_THREADS_IOTHREADCOUNT": str(tuning.io_threads),
        "ZEEBE_CLOCK_CONTROLLED": str(tuning.clock_controlled).lower(),
        "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_CLASSNAME": "io.camunda.zeebe.exporter.opensearch.OpensearchExporter",
        "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_ARGS_URL": opensearch,
        "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_ARGS_BULK_SIZE": str(tuning.export_size),
        "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_ARGS_BULK_DELAY": str(tuning.export_seconds),
        # On one node the usual three shards of an index only triple the work of each refresh.
        "ZEEBE_BROKER_EXPORTERS_OPENSEARCH_ARGS_INDEX_NUMBEROFSHARDS": "1",
        "CAMUNDA_DATABASE_TYPE": "opensearch",
        "CAMUNDA_DATABASE_URL": opensearch,
        "CAMUNDA_REST_QUERY_ENABLED": "true",
    }
    for web in ("CAMUNDA_OPERATE", "CAMUNDA_TASKLIST"):
        found |= {
            f"{web}_DATABASE": "opensearch",
            f"{web}_OPENSEARCH_URL": opensearch,
            f"{web}_ZEEBEOPENSEARCH_URL": opensearch,
            f"{web}_ZEEBE_GATEWAYADDRESS": f"127.0.0.1:{ports.zeebe}",
            # Not the API itself, which would refuse Tasklist: see `workers.engine.task_door`.
            f"{web}_ZEEBE_RESTADDRESS": f"http://127.0.0.1:{ports.task_door}",
            f"{web}_CSRFPREVENTIONENABLED": "false",
            # Of the processors, the importers get less than the engine beside them.
            f"{web}_IMPORTER_THREADSCOUNT": "1",
            # The archiver asks for a plugin of OpenSearch that the runner does not have.
            f"{web}_ARCHIVERENABLED": "false",
        }
    return found


def configure(settings: Settings) -> None:
    """Write the logging configuration."""
    home = folder(settings)
    home.mkdir(parents=True, exist_ok=True)
    (home / "log4j2.xml").write_text(LOGGING)
