"""Certificates for tests of TLS, and clients that trust them or not."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Settings, Zeebe


class Authority:
    """A certificate authority that no system knows."""

    def __init__(self, folder: Path) -> None:
        made = trustme.CA()
        self.file = folder / "ca.pem"
        made.cert_pem.write_to_path(str(self.file))
        issued = made.issue_cert("127.0.0.1")
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        self.certificate = (issued.private_key_pem.bytes(), chain)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issued.configure_cert(self.context)


def client(address: str, **zeebe: Any) -> ZeebeClient:
    """A client of a cluster at this address."""
    return ZeebeClient(Settings(zeebe=Zeebe(address=address, **zeebe)))


async def refuses_strangers(address: str) -> None:
    """Who does not trust the authority, or speaks no TLS, is not served."""
    async with client(address, tls=True) as trusting_the_system_only:
        with pytest.raises(EngineBusy, match=r"(?i)certificate|handshake|ssl"):
            await trusting_the_system_only.topology()
    async with client(address) as plain:
        with pytest.raises(EngineBusy):
            await plain.topology()
