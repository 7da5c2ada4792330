"""The Helm chart: rendered by Helm, held against Kubernetes' and KEDA's schemas, and against what Fairlead has."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from tests.unit.deployment import tools
from tests.unit.deployment.commands import GROUPS, PROCESS_PORTS, check_settings, served, understood
from workers import __version__
from workers.gateway.metrics import Metrics
from workers.runtime import metrics
from workers.runtime.discovery import all_job_types
from workers.settings import Ports, Settings

KUBERNETES = ("1.27", "1.37")
ALL = (
    "scaling.enabled=true", "scaling.min=0", "events.enabled=true", "podMonitor.enabled=true",
    "gateway.ingress.enabled=true", "gateway.ingress.host=sales.example.com", "gateway.ingress.tlsSecret=tls",
)  # fmt: skip
OTHERS = {"ScaledObject", "PodMonitor"}
"""Kinds that are not Kubernetes' own."""

Object = dict[str, Any]  # Any: YAML


@lru_cache(maxsize=1)
def by_task() -> list[Object]:
    return tools.rendered(*ALL)


@lru_cache(maxsize=1)
def by_group() -> list[Object]:
    return tools.rendered(*ALL, "workers.perTask=false")


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"].removeprefix("here-"): one for one in objects if one["kind"] == kind}


def container(one: Object) -> Object:
    (found,) = one["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.slow
def test_helm_has_nothing_against_it() -> None:
    assert "0 chart(s) failed" in tools.lint()
    assert yaml.safe_load((tools.CHART / "Chart.yaml").read_text())["appVersion"] == __version__


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_object(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It reads its megabyte of definitions anew for each object.
    monkeypatch.setattr(utils, "schema_contents", lru_cache(utils.schema_contents))
    for one in by_group():
        if one["kind"] not in OTHERS:
            kubernetes_validate.validate(one, version, strict=True)


def test_keda_takes_every_scaled_object() -> None:
    tools.validate_scaled_objects(list(of_kind(by_task(), "ScaledObject").values()))


def test_each_task_type_has_a_deployment_of_its_own_and_in_groups_those_of_fairlead_up() -> None:
    values = yaml.safe_load((tools.CHART / "values.yaml").read_text())["workers"]["groups"]
    assert {name: set(group["tasks"]) for name, group in values.items()} == GROUPS
    alone = [served(understood(container(one)["args"])) for one in workers(by_task())]
    assert sorted(alone, key=min) == [{name} for name in all_job_types()]
    grouped = of_kind(by_group(), "Deployment")
    assert {name: served(understood(container(grouped[name])["args"])) for name in values} == GROUPS
    names = [one["metadata"]["name"] for one in workers(by_task())]
    assert len(set(names)) == len(names)


def workers(objects: list[Object]) -> list[Object]:
    return [
        one for one in of_kind(objects, "Deployment").values()
        if one["spec"]["template"]["metadata"]["labels"]["fairlead.io/job"] == "fairlead-workers"
    ]  # fmt: skip


def test_a_process_is_watched_where_it_listens() -> None:
    for name, one in of_kind(by_group(), "Deployment").items():
        found = container(one)
        parameters = understood(found["args"])
        port = Ports().worker_metrics if name in GROUPS else getattr(Ports(), PROCESS_PORTS[name])
        assert parameters["port" if name == "gateway" else "metrics_port"] in {port, None}
        assert found["ports"] == [{"name": "http", "containerPort": port, "protocol": "TCP"}]
        # `workers.runtime.probes` and `workers.gateway.routes_health` answer these.
        assert [found[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")] == [
            {"path": path, "port": "http"} for path in ("/healthz", "/healthz", "/readyz")
        ]
        grace = one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace > max(Settings().worker.drain_seconds, Settings().gateway.drain_seconds) + 5


def test_every_pod_can_do_little_and_gets_its_secrets_as_files() -> None:
    pods = [one for one in by_task() if one["kind"] in {"Deployment", "Job"}]
    for one in pods:
        spec, found = one["spec"]["template"]["spec"], container(one)
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec["automountServiceAccountToken"]
        assert found["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"requests", "limits"} == set(found["resources"])
        settings = check_settings({item["name"]: item["value"] for item in found["env"]})
        assert settings.zeebe_address == "camunda-zeebe-gateway:26500"
        assert spec["volumes"][1]["secret"]["secretName"] == "secrets"


def test_scaling_asks_for_metrics_that_exist() -> None:
    known = {one._name: set(one._labelnames) for one in vars(metrics).values() if hasattr(one, "_labelnames")}
    known |= {one._name: set(one._labelnames) for one in vars(Metrics()).values() if hasattr(one, "_labelnames")}
    known |= {"fairlead_events_lag": {"topic", "partition"}, "zeebe_job_events_total": {"action", "type"}}
    scaled = of_kind(by_task(), "ScaledObject")
    deployments = of_kind(by_task(), "Deployment")
    assert set(deployments) - set(scaled) == {"healing", "readmodel", "predictor"}
    for name, one in scaled.items():
        assert one["spec"]["scaleTargetRef"]["name"] == deployments[name]["metadata"]["name"]
        assert "replicas" not in deployments[name]["spec"]
        for trigger in one["spec"]["triggers"]:
            query = trigger["metadata"].get("query", "")
            assert query or trigger["type"] == "cpu"
            for metric, labels in re.findall(r"(\w+_\w+)\{?([^}]*)\}?", query):
                if metric != "clamp_max":
                    assert set(re.findall(r"(\w+)=~?", labels)) <= known[metric]
    assert 'fairlead_jobs_waiting{task=~"lead_routing.score_lead"}' in str(scaled["lead-routing-score-lead"])


def test_disruptions_and_networks_are_bounded() -> None:
    assert set(of_kind(by_task(), "PodDisruptionBudget")) == set(of_kind(by_task(), "Deployment"))
    policies = of_kind(by_task(), "NetworkPolicy")
    assert policies["all"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    allowed = {port.get("port") for rule in policies["all"]["spec"]["egress"] for port in rule["ports"]}
    assert {53, 5432, 26500, 443} <= allowed
    assert None not in allowed


def test_everything_that_listens_may_be_reached_and_nothing_else() -> None:
    objects = by_group()
    ports = {
        one["containerPort"] for found in of_kind(objects, "Deployment").values() for one in container(found)["ports"]
    }
    everybody, gateway = (of_kind(objects, "NetworkPolicy")[name]["spec"] for name in ("all", "gateway"))
    (metrics,) = (port for rule in everybody["ingress"] for port in rule["ports"])
    doors = {port["port"] for rule in gateway["ingress"] for port in rule["ports"]}
    assert doors == {Ports().gateway}
    assert ports - doors <= set(range(metrics["port"], metrics["endPort"] + 1))
    assert {metrics["port"], metrics["endPort"]} <= ports
    labels = of_kind(objects, "Deployment")["predictor"]["spec"]["template"]["metadata"]["labels"]
    assert everybody["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize(
    ("setting", "value", "port"),
    [
        ("FAIRLEAD_KAFKA__BOOTSTRAP_SERVERS", "one:9092\\,two:9094", "9094"),
        ("FAIRLEAD_TRACING__ENDPOINT", "http://collector.tracing:4318/v1/traces", "4318"),
        ("FAIRLEAD_ZEEBE__REST_ADDRESS", "http://camunda.example.com", "80"),
        ("FAIRLEAD_SAP__BASE_URL", "https://sap.example.com:44300", "44300"),
        ("FAIRLEAD_MAIL__PORT", "465", "465"),
        ("FAIRLEAD_SALESFORCE__PUBSUB_ADDRESS", "api.pubsub.salesforce.com:7443", "7443"),
    ],
)
def test_an_address_behind_a_shut_port_is_refused(setting: str, value: str, port: str) -> None:
    given = ("existingSecret=secrets", f"settings.{setting}={value}")
    assert f"{setting} needs port {port}: add it to networkPolicies.egressPorts" in tools.refused(*given)
    assert tools.rendered(*given[1:], "networkPolicies.enabled=false")


def test_an_address_for_browsers_opens_and_wants_nothing() -> None:
    shown = ("settings.FAIRLEAD_GATEWAY__PUBLIC_URL=https://sales.example.com:8443", "settings.FAIRLEAD_LOG_LEVEL=info")
    egress = of_kind(tools.rendered(*shown), "NetworkPolicy")["all"]["spec"]["egress"]
    assert 8443 not in {port["port"] for rule in egress for port in rule["ports"]}


def test_the_guide_says_what_the_cluster_must_have() -> None:
    guide = (tools.ROOT / "docs" / "deployment.md").read_text()
    told = re.search(
        r"each of the (\d+) task types.*first wants (\d+) cores and (\d+) GiB .* less than (\d+) and (\d+) GiB", guide
    )
    assert told
    types, *asked = map(int, told.groups())
    assert types == pytest.approx(len(all_job_types()), rel=0.05)
    cores, memory = requested("events.enabled=false")
    assert asked[:2] == pytest.approx([cores, memory], rel=0.05)
    cores, memory = requested("events.enabled=false", "workers.perTask=false")
    assert asked[2] - 1 < cores < asked[2]
    assert asked[3] - 1 < memory < asked[3]


def requested(*sets: str) -> tuple[float, float]:
    """Cores and GiB that all Deployments ask for."""
    cores = memory = 0.0
    for one in of_kind(tools.rendered(*sets), "Deployment").values():
        asked = container(one)["resources"]["requests"]
        cores += one["spec"]["replicas"] * int(asked["cpu"].removesuffix("m")) / 1000
        memory += one["spec"]["replicas"] * int(asked["memory"].removesuffix("Mi")) / 1024
    return cores, memory


def test_libraries_are_in_the_images_of_those_who_need_them() -> None:
    images = {name: container(one)["image"] for name, one in of_kind(by_group(), "Deployment").items()}
    assert images["worker"] == images["gateway"] == f"fairlead:{__version__}"
    assert images["scorer"] == images["upkeep"] == f"fairlead:{__version__}-scoring"
    assert images["forecaster"] == f"fairlead:{__version__}-forecasting"
    assert images["planner"] == f"fairlead:{__version__}-planning"


def test_schema_first_and_models_when_the_workers_are_there() -> None:
    jobs = of_kind(by_task(), "Job")
    when = {name: job["metadata"]["annotations"]["helm.sh/hook"] for name, job in jobs.items()}
    assert when == {"migrate": "pre-install,pre-upgrade", "deploy": "post-install,post-upgrade"}
    for job in jobs.values():
        understood(container(job)["args"])


def test_without_secrets_it_says_what_to_set() -> None:
    assert "Set existingSecret to the name of a Secret" in tools.refused()


def test_a_secret_that_kubernetes_mounts_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Kubernetes lays a folder of its own beneath, and links to it, so that all changes at once.
    data = tmp_path / "..2026_11_26"
    data.mkdir()
    (data / "FAIRLEAD_GATEWAY__LINK_SECRET").write_text("x" * 32)
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "FAIRLEAD_GATEWAY__LINK_SECRET").symlink_to("..data/FAIRLEAD_GATEWAY__LINK_SECRET")
    monkeypatch.setitem(Settings.model_config, "secrets_dir", str(tmp_path))
    link_secret = Settings().gateway.link_secret
    assert link_secret is not None
    assert link_secret.get_secret_value() == "x" * 32
