"""The supervisor: writes supervisord's configuration below the home folder, starts it, and speaks with it.

supervisord (the known Unix tool) starts, restarts and stops the programs and rotates their logs. `fairlead up` starts
it in the background and tells it, phase by phase, what to start; it is reached by a Unix socket only.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from workers.engine.errors import StartError
from workers.engine.programs import Program

SOCKET_PATH_BYTES = 100
"""Unix allows about 107 bytes for the path of a socket; supervisord makes a second one with a longer name."""
DAEMON_SECONDS = 60.0
STOP_SECONDS = 120.0
STEP_SECONDS = 0.1
STOPPED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True)
class State:
    """What the supervisor says of a program."""

    name: str
    status: str
    """supervisord's word: ``RUNNING``, ``STARTING``, ``BACKOFF``, ``STOPPING``, ``STOPPED``, ``EXITED``, ``FATAL``."""
    pid: int
    seconds: float
    """Since it was last started; 0 if it does not run."""

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.status in {"RUNNING", "STARTING"}


class Supervisor:
    """supervisord of one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.run = self.home / "run"
        self.logs = self.home / "logs"
        self.config = self.run / "supervisord.conf"
        self.socket = self.run / "supervisor.sock"
        if len(str(self.socket).encode()) > SOCKET_PATH_BYTES:
            name = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
            self.socket = Path(tempfile.gettempdir()) / f"fairlead-{name}.sock"

    def running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call("getState")
        except (OSError, HTTPException):
            return False
        return True

    def write(self, programs: Sequence[Program]) -> None:
        """Write the configuration; a running supervisord takes it over with `update`."""
        for folder in (self.run, self.logs, self.home / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        part = self.config.with_suffix(".part")
        part.write_text(self._text(programs))
        part.chmod(0o600)
        part.replace(self.config)

    def start_daemon(self) -> None:
        """Start supervisord in the background. Raises `StartError`."""
        self.socket.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
        )
        deadline = time.monotonic() + DAEMON_SECONDS
        while done.returncode == 0 and time.monotonic() < deadline:
            if self.running():
                return
            time.sleep(STEP_SECONDS)
        raise StartError(
            f"The supervisor did not start: {(done.stderr or done.stdout).strip() or self.tail('supervisord')}"
        )

    def update(self) -> list[str]:
        """Take over a changed configuration; the names of programs that were stopped because they changed or went."""
        added, changed, removed = self._call("reloadConfig")[0]
        for name in [*changed, *removed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)
        return [*changed, *removed]

    def states(self) -> dict[str, State]:
        """All programs by name; empty if the supervisor does not run."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, HTTPException):
            return {}
        return {
            one["name"]: State(
                one["name"],
                one["statename"],
                one["pid"],
                float(one["now"] - one["start"]) if one["pid"] else 0.0,
            )
            for one in found
        }

    def start(self, name: str) -> None:
        """Start a program; returns at once."""
        self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program and wait until it is gone."""
        self._call("stopProcess", name)

    def stop_all(self) -> bool:
        """Stop every program, then supervisord; whether one ran. Returns when every process is gone."""
        if not self.running():
            return False
        daemon = psutil.Process(int(self._call("getPID")))
        family = [daemon, *daemon.children(recursive=True)]
        self._stop_in_order()
        self._call("shutdown")
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
        self.socket.unlink(missing_ok=True)
        return True

    def _stop_in_order(self) -> None:
        """Stop those of the highest priority all at once, then the next: supervisord alone would stop one after the other."""
        levels: dict[int, set[str]] = {}
        for one in self._call("getAllConfigInfo"):
            levels.setdefault(one["process_prio"], set()).add(one["name"])
        for _, names in sorted(levels.items(), reverse=True):
            for name in names:
                with contextlib.suppress(xmlrpc.client.Fault):  # it does not run
                    self._call("stopProcess", name, False)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline and any(
                one.name in names and one.status not in STOPPED for one in self.states().values()
            ):
                time.sleep(STEP_SECONDS)

    def pids(self) -> list[int]:
        """The supervisor and every process below it."""
        if not self.running():
            return []
        daemon = psutil.Process(int(self._call("getPID")))
        return [daemon.pid, *(child.pid for child in daemon.children(recursive=True))]

    def log(self, name: str) -> Path:
        """The log of a program."""
        return self.logs / f"{name}.log"

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a program's log that say something: errors and exceptions before chatter."""
        file = self.log(name)
        if not file.exists():
            return "(it wrote nothing)"
        text = file.read_text(errors="replace")[-60_000:].splitlines()
        telling = [line for line in text if any(word in line for word in ("ERROR", "FATAL", "Exception", "rror:"))]
        return "\n".join(line[:300] for line in (telling or text)[-lines:]) or "(it wrote nothing)"

    def _call(self, method: str, *arguments: str | bool) -> Any:  # noqa: ANN401 - XML-RPC answers with many types
        """Call supervisord's XML-RPC interface (http://supervisord.org/api.html)."""
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        return getattr(cast("Any", proxy).supervisor, method)(*arguments)

    def _text(self, programs: Sequence[Program]) -> str:
        lines = [
            "; Written by `fairlead up`; changes are lost.",
            "[unix_http_server]",
            f"file={_escaped(self.socket)}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisord]",
            f"logfile={_escaped(self.log('supervisord'))}",
            "logfile_maxbytes=5MB",
            "logfile_backups=1",
            f"pidfile={_escaped(self.run / 'supervisord.pid')}",
            f"childlogdir={_escaped(self.logs)}",
            f"directory={_escaped(Path.cwd())}",
            "nodaemon=false",
            "minfds=8192" if _may_open(8192) else "minfds=1024",
            "nocleanup=true",
        ]
        for program in programs:
            environment = ",".join(f"{name}={_valued(value)}" for name, value in program.environment.items())
            lines += [
                f"[program:{program.name}]",
                f"command={' '.join(_quoted(word) for word in program.command())}",
                f"environment={environment}",
                "autostart=false",
                "autorestart=true",
                "startsecs=2",
                "startretries=5",
                f"priority={program.priority}",
                f"stopsignal={program.stop_signal}",
                f"stopwaitsecs={program.stop_seconds}",
                "stopasgroup=false",
                "killasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile={_escaped(self.log(program.name))}",
                "stdout_logfile_maxbytes=10MB",
                "stdout_logfile_backups=3",
            ]
        return "\n".join(lines) + "\n"


def _escaped(value: object) -> str:
    """A value in supervisord's configuration, where % begins an expression."""
    return str(value).replace("%", "%%")


def _valued(value: str) -> str:
    """An environment variable's value; supervisord knows both quotation marks, but no way to escape one."""
    mark = "'" if '"' in value else '"'
    return f"{mark}{_escaped(value)}{mark}"


def _quoted(word: str) -> str:
    return _escaped(shlex.quote(word))


def _may_open(files: int) -> bool:
    import resource  # noqa: PLC0415 - Unix only, as supervisord is

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard == resource.RLIM_INFINITY or hard >= files
