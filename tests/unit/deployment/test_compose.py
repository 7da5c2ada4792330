"""The compose file is one, and what it says to Fairlead is true."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.unit.deployment.commands import APART, GROUPS, PROCESS_PORTS, check_settings, served, understood
from tests.unit.deployment.tools import ROOT
from workers.settings import Ports

COMPOSE = ROOT / "compose"
FILE: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("fairlead:")}
PROFILES = ("dev", "full")


def environment(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_it_is_a_compose_file() -> None:
    values = environment(COMPOSE / ".env")
    filled = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda found: values[found[1]], json.dumps(FILE))
    plain = {name: part for name, part in json.loads(filled).items() if not name.startswith("x-")}
    assert set(PyCompose.from_json(json.dumps(plain)).service_names()) == set(SERVICES)
    with pytest.raises(ValueError, match="sometimes"):
        PyCompose.from_json(json.dumps(plain | {"services": {"one": {"image": "x", "restart": "sometimes"}}}))


def test_docker_compose_takes_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    for profile in PROFILES:
        done = subprocess.run(
            [docker, "compose", "--profile", profile, "config", "--quiet"],
            cwd=COMPOSE, capture_output=True, text=True, check=False, env={"COMPOSE_PROFILES": profile, "PATH": "/"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_every_variable_of_the_file_has_a_value() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)\}", (COMPOSE / "compose.yaml").read_text()))
    assert used <= set(environment(COMPOSE / ".env"))
    assert "${" not in re.sub(r"(?<!\$)\$\{\w+\}", "", (COMPOSE / "compose.yaml").read_text())


@pytest.mark.parametrize("profile", PROFILES)
def test_settings_are_settings(profile: str) -> None:
    given = environment(COMPOSE / f"{profile}.env")
    secret = {Path(one["target"]).name: "" for one in OURS["gateway"]["secrets"]}
    secret |= {
        "FAIRLEAD_DATABASE_URL": "postgresql://fairlead:x@postgres:5432/fairlead",
        "FAIRLEAD_GATEWAY__API_TOKENS": '["0123456789abcdef"]',
        "FAIRLEAD_GATEWAY__LINK_SECRET": "x" * 32,
    }
    for service in OURS.values():
        settings = check_settings({name: str(value) for name, value in service["environment"].items()} | given | secret)
        assert settings.zeebe_address == "camunda:26500"
    assert (settings.kafka.bootstrap_servers is not None) == (profile == "full")


@pytest.mark.parametrize("name", PROCESS_PORTS)
def test_a_process_runs_as_the_command_line_takes_it_and_is_watched_where_it_listens(name: str) -> None:
    service = OURS[name]
    parameters = understood(service["command"])
    port = getattr(Ports(), PROCESS_PORTS[name])
    assert parameters["port" if name == "gateway" else "metrics_port"] in {port, None}
    assert service["healthcheck"]["test"] == ["CMD", "probe", str(port)]
    if name in GROUPS:
        assert served(parameters) == GROUPS[name]


def test_each_process_has_the_libraries_that_it_needs_and_no_others() -> None:
    variants = {
        "scorer": "scoring",
        "upkeep": "scoring",
        "forecaster": "forecasting",
        "planner": "planning",
        "sample": "scoring",
        "predictor": "scoring",
    }
    for name, service in OURS.items():
        _, _, variant = service["image"].partition("}-")
        assert variant == variants.get(name, "")
        extras = service["build"].get("args", {}).get("EXTRAS", "")
        assert variant in extras.split(",") or not variant
    assert set(APART) <= set(variants)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "volumes" not in service


def test_nothing_is_reached_from_outside_of_the_machine_and_no_password_is_written_down() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    given = [one.get("environment", {}) for one in SERVICES.values()]
    given += [environment(file) for file in (*COMPOSE.glob("*.env"), COMPOSE / ".env")]
    for name, value in (pair for one in given for pair in one.items()):
        if re.search("PASSWORD|TOKEN|SECRET", name):
            assert str(value).startswith("/run/secrets/"), name


def test_secrets_are_made_once_and_are_such_as_settings_take(tmp_path: Path) -> None:
    script = shutil.copy(COMPOSE / "secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(FILE["secrets"])
    subprocess.run([script], check=True, capture_output=True)
    assert made == {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    targets = {Path(one["target"]).name: made[one["source"]].strip() for one in OURS["gateway"]["secrets"]}
    settings = check_settings(targets)
    assert [one.token.get_secret_value() for one in settings.gateway.api_tokens] == [made["gateway_token"].strip()]
    assert f":{made['postgres_password'].strip()}@" in settings.dsn
    assert settings.zeebe.password.get_secret_value() == made["camunda_password"].strip()


def test_prometheus_scrapes_every_process_as_the_alerts_ask_for_it() -> None:
    config = yaml.safe_load((COMPOSE / "prometheus" / "containers.yml").read_text())
    local = yaml.safe_load((COMPOSE / "prometheus" / "prometheus.yml").read_text())
    found = {
        job["job_name"]: {target for given in job["static_configs"] for target in given["targets"]}
        for job in config["scrape_configs"]
    }
    names = {port: name for name, port in ((name, getattr(Ports(), field)) for name, field in PROCESS_PORTS.items())}
    for job in local["scrape_configs"]:
        ports = {int(one.rpartition(":")[2]) for given in job["static_configs"] for one in given["targets"]}
        assert found[job["job_name"]] == {f"{names[port]}:{port}" for port in ports}
    assert set(found) == {job["job_name"] for job in local["scrape_configs"]} | {"camunda"}
    for part in ("global", "rule_files"):
        assert config[part] == local[part]
