"""A worker that serves one task carries what that task needs, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("lightgbm", "numpy", "pandas", "sklearn", "fastapi", "aiosmtplib", "alembic", "pyzeebe")


@pytest.mark.parametrize("module", ["tasks.register_lead", "tasks.write_owner", "tasks.score_lead", "wiring"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, workers.lead_routing.{module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
