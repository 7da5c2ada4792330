"""Replay against a gateway that says later, or is away; mapping files that don't fit."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.gateway.helpers import MakeClient
from workers.gateway import mapping, replay
from workers.gateway.mapping import LeadMapping, MappingError, Row


def rows(number: int) -> list[Row]:
    return [Row(i, {"source": "test", "external_id": str(i)}, converted=True) for i in range(number)]


async def test_a_gateway_that_says_later_is_obeyed(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.gateway.guard.WINDOW_SECONDS", 1)
    http = await make_client(rate_per_second=60, max_batch=60)  # the second batch comes too early
    seen: list[int] = []
    feeding = replay.Replay(http, rate=1e6, max_batch=60, progress=lambda counts: seen.append(counts.sent))
    await feeding.leads(rows(120))
    assert seen == [60, 120]
    assert (feeding.counts.accepted, feeding.counts.refused) == (120, 0)


async def test_a_gateway_that_is_away_ends_the_replay_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with replay.client(url, None) as http:
        feeding = replay.Replay(http, rate=10, max_batch=10, patience=0.1)
        with pytest.raises(replay.ReplayError, match=r"took nothing for 0 s .* Run the same command again later"):
            await feeding.leads(rows(3))


async def test_a_wrong_token_ends_the_replay_at_once(make_client: MakeClient) -> None:
    http = await make_client(api_tokens=["a" * 16])
    with pytest.raises(replay.ReplayError, match="401, Send a valid API token"):
        await replay.Replay(http, rate=10, max_batch=10).leads(rows(3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x", "constants: Field required"),
        ("name: x\nconstants: {}\nfield: {}", "field: Extra inputs are not permitted"),
        ("- 1", "is no mapping"),
        ("a: [", "is no valid YAML"),
    ],
)
def test_a_mapping_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(text)
    with pytest.raises(MappingError, match=said):
        mapping.load(str(file))


@pytest.mark.parametrize("name", ["leads.csv.gz", "leads.csv.xz", "leads.csv.bz2"])
def test_a_broken_file_is_said(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\x1f\x8b not really")
    with pytest.raises(MappingError, match=f"{name} can't be read"):
        list(mapping.rows(LeadMapping(name="x", constants={}), file))


def test_templates_types_and_missing_values(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("id,who.name,size,open\na,Ana,,yes\n")
    mapped = LeadMapping.model_validate(
        {
            "name": "x",
            "constants": {"source": "s"},
            "external_id": "{id:03}-{row:02}",
            "fields": {"name": "Dr {who.name}", "employees": {"column": "size", "type": "integer"}},
            "attributes": [{"column": "open", "name": "is_open", "type": "boolean"}],
        }
    )
    [row] = mapping.rows(mapped, file)
    assert row.lead == {
        "source": "s",
        "external_id": "00a-01",
        "name": "Dr Ana",
        "employees": None,
        "attributes": {"is_open": True},
    }
    assert row.converted is None
