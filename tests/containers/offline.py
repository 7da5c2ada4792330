"""compose/compose.yaml for the images of `tests.containers.images`, on the network of the host: where Docker may make
no bridge and no firewall rule. Printed as YAML; all that is Fairlead's own stays as it is there.

`python -m tests.containers.offline > compose/offline.yaml`, then `docker-compose -f offline.yaml up` in compose/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.containers.images import ROOT, TAGS
from workers.engine import camunda
from workers.settings import Ports, Settings

PROCESSES = ("postgres", "opensearch", "camunda", "mail", "migrate", "deploy", "sample", "gateway", "dispatcher", "worker", "scorer", "repair", "readmodel")  # fmt: skip
NAMES = ("postgres", "opensearch", "camunda", "mail")


def offline(file: dict[str, Any]) -> dict[str, Any]:
    """The compose file, changed."""
    services = {name: dict(file["services"][name]) for name in PROCESSES}
    for name, service in services.items():
        for key in ("ports", "networks", "build"):
            service.pop(key, None)
        service["network_mode"] = "host"
        service["extra_hosts"] = [f"{one}:127.0.0.1" for one in NAMES]
        if name in TAGS:
            service["image"] = TAGS[name]
    del services["mail"]["healthcheck"]  # its program is Mailpit's
    # 8.6 has other settings, and on the host's network it has those of `fairlead up`.
    ports = Ports(opensearch=9200, task_door=Ports().camunda_http)
    data = Path("/usr/local/camunda/data")
    engine = camunda.environment(Settings(ports=ports, home=data))
    engine |= {"ZEEBE_BROKER_DATA_DIRECTORY": str(data), "JAVA_TOOL_OPTIONS": "-Xms512m -Xmx1536m -XX:+UseSerialGC"}
    del engine["LOGGING_CONFIG"]
    services["camunda"] |= {"environment": engine, "volumes": ["camunda:/usr/local/camunda/data"]}
    for service in services.values():
        if service["image"].startswith("fairlead:"):
            # 8.6 has its user demo with a password that can't be given by a file; it is the settings' default.
            service["secrets"] = [one for one in service["secrets"] if one["source"] != "camunda_password"]
    kept = {key: file[key] for key in ("volumes", "secrets")}
    return {"version": "3.9", "services": services, **kept}


if __name__ == "__main__":
    yaml.safe_dump(
        offline(yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())), sys.stdout, sort_keys=False
    )
