"""What the logs say, and what they never say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging, structlog
from workers.runtime import logs
from workers.settings import Settings
logs.configure(Settings(log_format="json"))
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(job_key=7, process_instance_key=8, task="flow.book", business_id="c1"):
    log.info("done", action="job_answered", seconds=0.1)
log.info("leaky", action="leaky", variables={"a": 1}, payload="x", email="ana@example.com", lead=[1], extra={"b": 2},
         reason="no answer from ana@example.com at postgresql://u:hunter2@db/x", note="Ana called", big="x" * 9000)
try:
    try:
        {}["Ana Ruiz"]
    except KeyError as error:
        raise ValueError("secret of Ana Ruiz") from error
except ValueError:
    log.exception("defect", action="job_defect")
logging.getLogger("library").warning("slow: %s", "ana@example.com")
log.debug("not shown", action="quiet")
log.info("without")
"""


def test_logs_hide_variables_and_personal_data() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=240)
    records = [json.loads(line) for line in answer.stderr.splitlines()]
    assert [record["action"] for record in records] == ["job_answered", "leaky", "job_defect", "library", "unnamed"]
    done, leaky, defect, library, _ = records
    keys = {
        "job_key",
        "process_instance_key",
        "task",
        "business_id",
        "seconds",
        "action",
        "event",
        "level",
        "timestamp",
    }
    assert set(done) == keys
    assert leaky["dropped"] == "email,extra,lead,note,payload,variables"
    assert leaky["reason"] == "no answer from ***@*** at postgresql://u:***@db/x"
    assert len(leaky["big"]) == 500
    assert "builtins.ValueError" in defect["exception"]
    assert "builtins.KeyError" in defect["exception"]
    assert "Error: " not in defect["exception"]
    assert library["event"] == "slow: ***@***"
    for secret in ("ana@", "hunter2", "Ana called"):
        assert secret not in answer.stderr


FULL_DISK = """
import os, resource, sys, structlog
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
from workers.runtime import logs
from workers.settings import Settings
logs.configure(Settings(log_format="json"))
log = structlog.get_logger()
log.info("before", action="before")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
for _ in range(1000):
    log.info("on a full disk", action="lost")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.info("after", action="after")
print("went on")
"""


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "log"
    answer = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, check=False, timeout=240
    )
    assert (answer.returncode, answer.stdout) == (0, "went on\n"), file.read_text()
    text = file.read_text()
    assert '"before"' in text
    assert '"after"' in text
