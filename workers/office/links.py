"""Links that open without a log-in for a while: the path and the moment they end, signed with a secret of the house.

For pictures inside forms: a browser sends no API token for them. HMAC-SHA256 (RFC 2104).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from workers.settings import Settings

_FILE = "link_secret"
_BYTES = 32


def secret_of(settings: Settings) -> bytes:
    """The secret that links are signed with: `gateway.link_secret`, else one kept in `home`, made when first needed.

    Programs on several machines must be given the same one.
    """
    if settings.gateway.link_secret is not None:
        return settings.gateway.link_secret.get_secret_value().encode()
    file = settings.home / _FILE
    if not file.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_hex(_BYTES).encode())
        try:
            os.link(fresh, file)  # of two programs that make one at the same moment the first counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_bytes()


def signed(base_url: str, path: str, secret: bytes, until: datetime) -> str:
    """The address of a path (not quoted yet) that opens until a moment."""
    ends = str(int(until.timestamp()))
    query = urlencode({"until": ends, "signature": _signature(secret, path, ends)})
    return f"{base_url}{quote(path)}?{query}"


def opens(path: str, until: str, signature: str, secret: bytes, now: datetime) -> bool:
    """Whether a link was signed by us and has not ended."""
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(secret, path, until).encode()):
        return False
    return now < datetime.fromtimestamp(int(until), UTC)


def _signature(secret: bytes, path: str, until: str) -> str:
    return hmac.new(secret, f"{path}\n{until}".encode(), hashlib.sha256).hexdigest()
