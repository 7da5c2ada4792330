"""Links that open without a log-in: for what they were made for, by our secret, until they end."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from workers.office import links
from workers.settings import Gateway, Settings

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SECRET = b"0123456789abcdef0123456789abcdef"


def parts(link: str) -> tuple[str, str, str]:
    found = urlsplit(link)
    query = parse_qs(found.query)
    return unquote(found.path), query["until"][0], query["signature"][0]


@given(st.text(st.characters(codec="utf-8"), min_size=1).map(lambda text: f"/forecasts/{text}"))
def test_any_path_comes_back_and_opens(path: str) -> None:
    link = links.signed("http://host", path, SECRET, NOW + timedelta(hours=1))
    assert parts(link)[0] == path
    assert links.opens(*parts(link), SECRET, NOW)


def test_it_ends_and_nothing_of_it_can_be_changed() -> None:
    path, until, signature = parts(links.signed("", "/a/b", SECRET, NOW + timedelta(hours=1)))
    assert not links.opens(path, until, signature, SECRET, NOW + timedelta(hours=1))
    assert not links.opens("/a/c", until, signature, SECRET, NOW)
    assert not links.opens(path, str(int(until) + 1), signature, SECRET, NOW)
    assert not links.opens(path, until, signature[:-1], SECRET, NOW)
    assert not links.opens(path, until, "ä", SECRET, NOW)
    assert not links.opens(path, until, signature, SECRET[::-1], NOW)


def test_the_secret_of_an_installation_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: links.secret_of(settings), range(16)))
    assert len(found) == 1
    assert len(found.pop()) == 64
    (file,) = settings.home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_given_secret_holds_and_must_not_be_short() -> None:
    given_ = Gateway(link_secret=SecretStr("x" * 32))
    assert links.secret_of(Settings(gateway=given_)) == b"x" * 32
    with pytest.raises(ValidationError, match="link_secret"):
        Gateway(link_secret=SecretStr("short"))
