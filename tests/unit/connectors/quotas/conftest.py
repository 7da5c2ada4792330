"""Fields whose quotas are published, most of them in an organisation with one currency."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import pytest

from tests.unit.connectors.quotas.field import Field, opened
from workers.connectors.salesforce.quotas import SalesforceQuotas
from workers.runtime.database import Pool


def mapping(folder: Path, **changes: str) -> Path:
    """The mapping that comes with Fairlead, with changes of its part `quota`."""
    text = (resources.files("workers.connectors.salesforce") / "mapping.yaml").read_text(encoding="utf-8")
    for name, value in {"currency": "EUR", **changes}.items():
        before = next(line for line in text.splitlines() if line.lstrip(" #").startswith(f"{name}: "))
        text = text.replace(before, f"  {name}: {value}")
    made = folder / "salesforce.yaml"
    made.write_text(text, encoding="utf-8")
    return made


@pytest.fixture
async def field(pool: Pool, tmp_path: Path) -> AsyncIterator[Field]:
    async with opened(pool, mapping=mapping(tmp_path)) as one:
        yield one


@pytest.fixture
def by_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two quotas are written at once."""
    monkeypatch.setattr(SalesforceQuotas, "batch", 2)
