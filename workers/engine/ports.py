"""TCP ports: which are free, who holds those that are not, and where our programs listen."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

import psutil

from workers.engine.errors import PortBusyError

_RESERVED: list[socket.socket] = []


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a program of ours could listen on ``port``."""
    with socket.socket() as probe:
        # As servers do: a port that only waits for its last packets counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def reserve(candidates: Iterable[int], host: str = "127.0.0.1") -> int:
    """The first of these ports that is free and that nobody else has reserved; reserved until this process ends.

    Its mark is the UDP port of the same number: the system gives it to one process, and takes it back from a dead one.

    Raises:
        PortBusyError: there is none.
    """
    for port in candidates:
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind((host, port))
        except OSError:
            mark.close()
            continue
        if is_free(port, host):
            _RESERVED.append(mark)
            return port
        mark.close()
    raise PortBusyError("All ports that it could use are held; stop what uses them, and run the command again.")


def require_free(ports: Mapping[str, int]) -> None:
    """Raise `PortBusyError` that names all busy ports; ``ports`` maps names of `settings.Ports` to numbers."""
    busy = [
        f"Port {port} ({name}) is held by {holder(port)}; set FAIRLEAD_PORTS__{name.upper()} to a free one"
        for name, port in ports.items()
        if not is_free(port)
    ]
    if busy:
        raise PortBusyError("; ".join(busy) + ", or stop that program, and run the command again.")


def holder(port: int) -> str:
    """Who listens on ``port``, as far as this user may know."""
    for connection in _listening():
        if connection.laddr.port == port and connection.pid:
            try:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {connection.pid})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "another program"


def addresses(pids: Iterable[int]) -> dict[int, set[str]]:
    """Ports that the given processes listen on, and on which addresses."""
    wanted, found = set(pids), dict[int, set[str]]()
    for connection in _listening():
        if connection.pid in wanted:
            found.setdefault(connection.laddr.port, set()).add(connection.laddr.ip)
    return found


def _listening() -> list[psutil._common.sconn]:
    try:
        return [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except psutil.AccessDenied:  # macOS tells only root; the port's number is still said
        return []
