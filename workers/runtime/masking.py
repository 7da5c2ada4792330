"""Takes secrets out of text: those that the settings hold, wherever they stand, and whatever looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from workers.settings import Settings

MASK = "***"

SHORTEST = 4
"""A secret of fewer characters is masked only where it stands as one: else it would blot out harmless words."""

# Up to the last @ of a word, as a password may hold one itself.
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/?#@'\"]*:)[^\s'\"]*@", re.IGNORECASE)
_PAIR = re.compile(
    r"(\b\w*(?:password|passwd|secret|token)\w*['\"]?\s*[=:]\s*)('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&,;'\"]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


class Mask:
    """Masks text for one set of settings."""

    def __init__(self, settings: Settings | None = None) -> None:
        found = set(secrets_of(settings)) if settings is not None else set()
        spelled = found | {quote(one, safe="") for one in found}
        # The longest first: one secret may be a part of another.
        self._known = sorted((one for one in spelled if len(one) >= SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets, and without what looks like one."""
        text = _PAIR.sub(rf"\1{MASK}", self.known(text))
        return _AUTHORIZATION.sub(rf"\1 {MASK}", text)

    def known(self, text: str) -> str:
        """The text without the secrets that the settings hold, and without passwords inside of addresses.

        For messages that people read: a word that only looks like a secret stays.
        """
        for secret in self._known:
            text = text.replace(secret, MASK)
        return _URL_PASSWORD.sub(rf"\1{MASK}@", text)


def secrets_of(settings: Settings) -> Iterator[str]:
    """Every secret that was set, passwords inside of addresses among them; defaults, which all may know, are none."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - `config show` opens no database

    yield from _secrets(settings)
    if settings.database_url is not None:
        parts = conninfo_to_dict(settings.database_url.get_secret_value())
        yield from (str(value) for key, value in parts.items() if value and _is_secret(key))


def _secrets(model: BaseModel) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif name != "database_url" and value != field.get_default(call_default_factory=True):
            yield from _within(value)


def _within(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case list() | tuple():
            for one in value:
                yield from _within(one)
        case dict():
            for one in value.values():
                yield from _within(one)
        case BaseModel():
            yield from _secrets(value)


def masked_dsn(dsn: str) -> str:
    """A PostgreSQL DSN in libpq's words, without its secrets."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - see `secrets_of`

    parts = conninfo_to_dict(dsn)
    return make_conninfo(**{key: MASK if _is_secret(key) else str(value) for key, value in parts.items()})


def _is_secret(word: str) -> bool:
    return "password" in word or "secret" in word
