"""A real Keycloak: one server in development mode on loopback, with a realm of people, groups and clients.

`python -m tests.keycloak --port 8180` runs one to try things with, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.starting import until_up
from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.ports import free_port
from workers.settings import get_settings

KEYCLOAK = "org.keycloak:keycloak-quarkus-dist:26.4.7"
START_SECONDS = 400.0
ASK_SECONDS = 60.0
BUILT = 10
"""It ends with this status when it has made itself ready for other options than before, and is to be started again."""

REALM = "fairlead"
CLIENT, SECRET = "fairlead", "the-secret-of-the-tests-client"
AUDIENCE = "fairlead-api"
PASSWORD = "a password for tests"
PEOPLE = {
    "mia": ["sales-managers", "north"],
    "ada": ["analysts"],
    "olga": ["operators"],
    "noah": [],
}
"""Log-in → groups."""


class Keycloak:
    """Use as a context manager."""

    def __init__(self, folder: Path, gateway: str, port: int = 0) -> None:
        """`gateway`: the address that people come back to."""
        self.port = port or free_port()
        self._home = folder / "keycloak"
        self._gateway = gateway
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        """Of the realm."""
        return f"{self.url}/realms/{REALM}"

    def __enter__(self) -> Self:
        settings = get_settings()
        distribution = Store(settings.cache, settings.maven_repository).unpacked(KEYCLOAK)
        kept = hashlib.sha256(" ".join(BUILD).encode()).hexdigest()[:8]
        self._built = distribution.with_name(f"{distribution.name}-built-{kept}")
        # It writes beside its programs; these are shared with all who test on this machine.
        self._home.mkdir()
        (self._home / "lib").mkdir()
        for part in ("lib", "app"):
            (self._home / "lib" / part).symlink_to(distribution / "lib" / part)
        made = self._built if self._built.is_dir() else distribution / "lib/quarkus"
        shutil.copytree(made, self._home / "lib/quarkus", copy_function=shutil.copyfile)
        shutil.copyfile(distribution / "lib/quarkus-run.jar", self._home / "lib/quarkus-run.jar")
        shutil.copytree(distribution / "conf", self._home / "conf", copy_function=shutil.copyfile)
        (self._home / "providers").mkdir()
        (self._home / "data/import").mkdir(parents=True)
        (self._home / "data/import/realm.json").write_text(json.dumps(realm(self._gateway)))
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home)

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the realm's administration, as its administrator; ``path`` is below the realm."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=ASK_SECONDS) as http:
            given = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": PASSWORD}
            token = http.post("/realms/master/protocol/openid-connect/token", data=given).json()["access_token"]
            answer = http.request(
                method, f"/admin/realms/{REALM}{path}", json=body, headers={"Authorization": f"Bearer {token}"}
            )
        return answer.raise_for_status()

    def tokens(self, person: str, *, client: str = CLIENT, issuer: str | None = None) -> dict[str, Any]:
        """Tokens of a person, as a program of theirs gets them."""
        given = {
            "grant_type": "password", "scope": "openid", "client_id": client, "client_secret": SECRET,
            "username": person, "password": PASSWORD,
        }  # fmt: skip
        answer = httpx.post(
            f"{issuer or self.issuer}/protocol/openid-connect/token", data=given, trust_env=False, timeout=ASK_SECONDS
        ).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def keys(self) -> dict[str, Any]:
        """The realm's JWK Set, which all may see."""
        keys = f"{self.issuer}/protocol/openid-connect/certs"
        found: dict[str, Any] = httpx.get(keys, trust_env=False, timeout=ASK_SECONDS).json()
        return found

    def _start(self) -> None:
        self._run(*([ALREADY_BUILT] if self._built.is_dir() else []))
        until_up(self._answers, self._runs, self._home / "said", START_SECONDS)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _runs(self) -> bool:
        """Whether it runs, or was built just now and is started again."""
        assert self._process is not None
        if self._process.poll() == BUILT:
            self._keep_built()
            self._run(ALREADY_BUILT)
        return self._process.poll() is None

    def _keep_built(self) -> None:
        """Keep what it took ten seconds to make for the next time; of two who do so at once the first counts."""
        part = Path(tempfile.mkdtemp(dir=self._built.parent, prefix=".part-"))
        shutil.copytree(self._home / "lib/quarkus", part / "quarkus")
        with contextlib.suppress(OSError):
            (part / "quarkus").rename(self._built)
        shutil.rmtree(part)

    def _run(self, *flags: str) -> None:
        environment = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}
        with (self._home / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [
                    str(jvm.java()), "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", jvm.BRIEF,
                    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={THREADS}",
                    *(f"--add-opens=java.base/{one}=ALL-UNNAMED" for one in OPENED),
                    f"-Dkc.home.dir={self._home}", f"-Djboss.server.config.dir={self._home / 'conf'}",
                    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager", "-Dpicocli.disable.closures=true",
                    *flags, "-cp", str(self._home / "lib/quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
                    "start-dev", *BUILD, "--import-realm", "--http-host=127.0.0.1", f"--http-port={self.port}",
                ],
                cwd=self._home, stdout=said, stderr=said, env=os.environ | environment,
            )  # fmt: skip


THREADS = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
OPENED = ("java.util", "java.util.concurrent", "java.security")
UNUSED = ("account", "account-api", "admin", "ciba", "device-flow", "kerberos", "par", "impersonation")
"""What it need not load."""
BUILD = ("--db=dev-mem", "--cache=local", f"--features-disabled={','.join(UNUSED)}")
"""Options that it makes itself ready for at its first start."""
ALREADY_BUILT = "-Dkc.config.built=true"


def realm(gateway: str) -> dict[str, Any]:
    """The realm as it is imported: who comes by the gateway, who by a program, and who by a program that is not ours."""
    groups = sorted({one for of in PEOPLE.values() for one in of})
    by_gateway = {
        "redirectUris": [f"{gateway}/control/sign-in/callback"],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": f"{gateway}/control/signed-out",
        },
    }
    return {
        "realm": REALM,
        "enabled": True,
        "sslRequired": "none",
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",  # nobody guesses them here
        "groups": [{"name": one} for one in groups],
        "users": [
            {
                "username": name, "enabled": True, "email": f"{name}@example.com", "emailVerified": True,
                "firstName": name.capitalize(), "lastName": "Example", "groups": of,
                "credentials": [{"type": "password", "value": PASSWORD}],
            }
            for name, of in PEOPLE.items()
        ],
        "clients": [
            _client(CLIENT, [_GROUPS, _AUDIENCE]) | by_gateway,
            _client("another", [_GROUPS]) | {"redirectUris": []},
            _client("brief", [_GROUPS, _AUDIENCE]) | {"redirectUris": [], "attributes": {"access.token.lifespan": "1"}},
        ],
    }  # fmt: skip


def _client(name: str, mappers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "clientId": name,
        "enabled": True,
        "secret": SECRET,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": True,
        "protocolMappers": mappers,
    }


_GROUPS = {
    "name": "groups",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-group-membership-mapper",
    "config": {
        "claim.name": "groups", "full.path": "false", "id.token.claim": "true", "access.token.claim": "true",
    },
}  # fmt: skip
_AUDIENCE = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true", "id.token.claim": "false"},
}


def main() -> None:
    """Run a Keycloak until Ctrl-C."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8180)
    parser.add_argument("--gateway", default=get_settings().gateway_url)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Keycloak(Path(folder), given.gateway, given.port) as keycloak:
        print(f"The realm is at {keycloak.issuer}; Ctrl-C stops it.", flush=True)  # noqa: T201 - what it has to say
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
