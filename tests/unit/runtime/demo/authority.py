"""Certificates for tests of TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


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
