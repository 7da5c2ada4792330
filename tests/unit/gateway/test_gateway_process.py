"""The real process `fairlead gateway run`, and `fairlead leads` against it."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import IO, Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

BANK = Path("../shared/data/bank_marketing_leads.csv.gz")
TOKEN = "t" * 32
NOWHERE = {"FAIRLEAD_PORTS__CAMUNDA_HTTP": "1", "FAIRLEAD_PORTS__ZEEBE": "1"}


@dataclass
class Running:
    """A gateway that listens."""

    process: subprocess.Popen[str]
    url: str
    environment: dict[str, str]
    lines: Queue[str] = field(default_factory=Queue)

    def wait_for(self, action: str) -> dict[str, Any]:
        """The next record with that action."""
        while True:
            record: dict[str, Any] = json.loads(self.lines.get(timeout=240))
            if record["action"] == action:
                return record


@pytest.fixture
def gateway(dsn: str) -> Iterator[Running]:
    environment = {
        **os.environ, **NOWHERE, "FAIRLEAD_DATABASE_URL": dsn, "FAIRLEAD_LOG_FORMAT": "json",
        "FAIRLEAD_GATEWAY__API_TOKENS": json.dumps([TOKEN]), "FAIRLEAD_GATEWAY__RATE_PER_SECOND": "5000",
    }  # fmt: skip
    command = [sys.executable, "-m", "workers", "gateway", "run", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        running = Running(process, "", environment)
        assert process.stderr is not None
        reader = threading.Thread(target=_pass_on, args=(process.stderr, running.lines))
        reader.start()
        try:
            running.url = f"http://127.0.0.1:{running.wait_for('gateway_started')['port']}"
            yield running
        finally:
            process.kill()
            reader.join()


def _pass_on(stream: IO[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)


def fairlead(gateway: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers", *arguments]
    environment = gateway.environment | {"COLUMNS": "160"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def counted(dsn: str, query: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_sigterm_drains(gateway: Running, dsn: str) -> None:
    """A request under way when the signal comes is answered; then the process ends with 0."""
    authorization = {"Authorization": f"Bearer {TOKEN}"}
    body = json.dumps({"source": "web_form"}).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = (
            f"POST /v1/leads HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:5])
        # An answer on another connection says that the server has read what came before it.
        assert httpx.get(f"{gateway.url}/v1/leads", headers=authorization, timeout=60).status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_for("gateway_stopping")
        connection.sendall(body[5:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 202")
    assert gateway.process.wait(timeout=240) == 0
    assert counted(dsn, "SELECT count(*) FROM routing.leads") == 1


def test_a_body_too_large_is_refused_on_the_wire(gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    answer = httpx.post(f"{gateway.url}/v1/leads", content=b" " * 5_000_001, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_a_port_in_use_and_an_open_door_are_refused(gateway: Running) -> None:
    port = gateway.url.rpartition(":")[2]
    busy = fairlead(gateway, "gateway", "run", "--port", port)
    assert (busy.returncode, busy.stdout) == (1, "")
    assert f"127.0.0.1:{port} is in use. Stop what listens there" in busy.stderr
    gateway.environment["FAIRLEAD_GATEWAY__API_TOKENS"] = "[]"
    unlocked = fairlead(gateway, "gateway", "run", "--host", "0.0.0.0", "--port", "0")
    assert unlocked.returncode == 1
    assert unlocked.stderr.startswith("Without an API token the gateway listens on loopback only, not on 0.0.0.0.")


@pytest.mark.slow
@pytest.mark.skipif(not BANK.is_file(), reason="the bank file is not beside the project (../shared/data)")
def test_the_bank_file_is_replayed_and_safe_to_repeat(gateway: Running, dsn: str) -> None:
    feed = ("leads", "replay", str(BANK), "--mapping", "bank_marketing", "--rate", "2000", "--url", gateway.url)
    first = fairlead(gateway, *feed, "--limit", "50")
    assert first.stdout == "50 sent: 50 accepted, 0 were there before, 0 refused.\n", first.stderr
    again = fairlead(gateway, *feed, "--limit", "120", "--outcomes")
    assert again.stdout == "120 sent: 70 accepted, 50 were there before, 0 refused, 120 outcomes told.\n", again.stderr
    assert counted(dsn, "SELECT count(*) FROM routing.leads WHERE source = 'bank_marketing'") == 120
    assert counted(dsn, "SELECT count(*) FROM runtime.outbox WHERE channel = 'zeebe.message'") == 120
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        row = connection.execute("SELECT * FROM routing.leads WHERE external_id = 'row-000001'").fetchone()
    assert row is not None
    assert row["raw"]["email"] == "lead000001@bank-marketing.example"
    assert row["raw"]["attributes"]["euribor3m"] == 4.857
    assert row["converted"] is False


@pytest.mark.slow
def test_a_row_that_does_not_fit_is_counted_and_named(gateway: Running, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv.gz"
    file.write_bytes(gzip.compress(b"id;who;staff\n1;Ana;5\n2;Bob;-1\n3;Cy;\n"))
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        'name: mine\nfile: {delimiter: ";"}\nexternal_id: "{id}"\nconstants: {source: mine}\n'
        'fields: {name: "{who}", employees: {column: staff, type: integer}}\n'
    )
    done = fairlead(gateway, "leads", "replay", str(file), "--mapping", str(mapping), "--url", gateway.url)
    assert done.stdout == "3 sent: 2 accepted, 0 were there before, 1 refused.\n"
    assert "row 2: #/employees" in done.stderr
    for wrong, said in (
        ("nowhere", "There is no mapping nowhere"),
        (str(file), "is no valid YAML"),
        ("bank_marketing", "lacks the columns age"),
    ):
        failed = fairlead(gateway, "leads", "replay", str(file), "--mapping", wrong, "--url", gateway.url)
        assert failed.returncode == 1
        assert said in failed.stderr
        assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_leads_are_listed_shown_and_withdrawn(gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    lead = {"source": "web_form", "name": "Ana [red] Ruiz", "email": "ana@example.com"}
    lead_id = httpx.post(f"{gateway.url}/v1/leads", json=lead, headers=headers, timeout=60).json()["lead_id"]
    listed = fairlead(gateway, "leads", "list")
    assert lead_id in listed.stdout
    withdrawn = fairlead(gateway, "leads", "withdraw", lead_id, "--why", "sent by mistake")
    assert withdrawn.stdout == "The withdrawal is asked for.\n"
    shown = fairlead(gateway, "leads", "show", lead_id)
    assert "Ana [red] Ruiz · ana@example.com" in shown.stdout
    assert re.search(r"withdrawal_asked\s+sent by mistake", shown.stdout)
    as_json = json.loads(fairlead(gateway, "leads", "show", lead_id, "--json").stdout)
    answered = httpx.get(f"{gateway.url}/v1/leads/{lead_id}", headers=headers, timeout=60).json()
    assert as_json == answered
    unknown = fairlead(gateway, "leads", "show", "lead-0")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("There is no lead lead-0.")
