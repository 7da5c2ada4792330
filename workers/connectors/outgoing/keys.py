"""The secrets that webhooks are signed with: the settings' own, or one that was made for a subscription.

One that was made is kept encrypted, by a key that only who knows the house's secret (`gateway.link_secret`) has: a copy of
the database signs nothing. It is shown once, when it is made.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from workers.office.links import secret_of
from workers.runtime.errors import PermanentError
from workers.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_BYTES = 32
_PURPOSE = b"webhooks that we send\n"


class SecretLost(PermanentError):
    """The secret of a subscription can't be read: it was made under another secret of the house."""


def made() -> str:
    """A new secret, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


class Safe:
    """Seals secrets for the database, and opens them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._given = settings.webhooks_out.secrets

    @cached_property
    def _box(self) -> Fernet:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - for who sends webhooks alone

        return Fernet(base64.urlsafe_b64encode(sha256(_PURPOSE + secret_of(self._settings)).digest()))

    def seal(self, secret: str) -> bytes:
        """What may be kept."""
        return self._box.encrypt(secret.encode())

    def given(self, name: str) -> Sequence[str]:
        """Those of the settings, if they name the subscription."""
        return [one.get_secret_value() for one in self._given.get(name, [])]

    def signing(self, name: str, sealed: Sequence[bytes]) -> Sequence[str]:
        """The secrets that sign for a subscription: the settings' if they name it, else those that were sealed.

        Raises:
            SecretLost: there is none, or one can't be opened.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see `_box`

        if given := self.given(name):
            return given
        try:
            opened = [self._box.decrypt(bytes(one)).decode() for one in sealed]
        except InvalidToken:
            opened = []
        if not opened:
            raise SecretLost(
                f"The secret of {name} can't be read: FAIRLEAD_GATEWAY__LINK_SECRET is another one than when it was made, "
                f"or FAIRLEAD_WEBHOOKS_OUT__SECRETS does not name it any more. Make a new one: fairlead webhooks rotate {name}"
            )
        return opened
