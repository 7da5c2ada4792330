"""Every metric that Prometheus can see, and what an expression says of them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import workers
from workers.gateway.metrics import Metrics
from workers.runtime.answers import Outcome
from workers.runtime.discovery import all_job_types

SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
SCRAPED = {"job", "instance", "le"}
"""Labels that Prometheus or a histogram brings."""


def everything() -> None:
    """Import every module, so that all errors and metrics are known."""
    for module in pkgutil.walk_packages(workers.__path__, "workers."):
        if not module.name.startswith(("workers.migrations", "workers.__main__")):
            importlib.import_module(module.name)


@cache
def metrics() -> dict[str, MetricWrapperBase]:
    """Every metric that Prometheus can see, by the names of its samples."""
    everything()
    found = {}
    for registry in (REGISTRY, Metrics().registry):
        for collector in registry._collector_to_names:
            if isinstance(collector, MetricWrapperBase):
                for suffix in SUFFIXES[str(collector._type)]:
                    found[f"{collector._name}{suffix}"] = collector
    return found


def check(expression: str, others: frozenset[str] = frozenset()) -> None:
    """Fail if an expression speaks of a metric, a label, a task or an outcome that does not exist; ``others`` are gauges
    that a program sets up when it runs.
    """
    known = metrics()
    selectors = re.findall(r"\b(fairlead_\w+)(?:\{([^}]*)\})?", expression)
    for name, chosen in selectors:
        if name in others:
            continue
        assert name in known, expression
        labels = dict(re.findall(r'(\w+)=~?"([^"]*)"', chosen))
        assert set(labels) - SCRAPED <= set(known[name]._labelnames), expression
        if "outcome" in labels and name == "fairlead_jobs_finished_total":
            assert labels["outcome"] in Outcome.__args__  # type: ignore[attr-defined]  # a Literal's values
        if "task" in labels and "$" not in labels["task"]:
            assert labels["task"] in all_job_types()
    carried = {name for names in re.findall(r"by \(([\w, ]+)\)", expression) for name in names.split(", ")}
    offered = SCRAPED.union(*(known[name]._labelnames for name, _ in selectors if name in known))
    assert carried <= offered, expression
