"""Settings: where each came from, by `fairlead config show`; wrong ones are named, and never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from workers.__main__ import main
from workers.cli.config import app
from workers.runtime.masking import MASK, Mask, masked_dsn
from workers.settings import Settings, WrongSettings, Zeebe, get_settings
from workers.settings_access import ApiToken

Model = TypeVar("Model", bound=BaseModel)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def shown(*options: str) -> dict[str, dict[str, object]]:
    answer = CliRunner().invoke(app, ["show", "--json", *options])
    assert answer.exit_code == 0, answer.output
    return {one["name"]: one for one in json.loads(answer.stdout)}


def test_every_setting_is_shown_with_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fairlead_zeebe__oauth_client_secret").write_text("from-a-file\n")
    (tmp_path / "FAIRLEAD_MAIL__PASSWORD").write_text("never-used\n")
    monkeypatch.setitem(Settings.model_config, "secrets_dir", str(tmp_path))
    monkeypatch.setenv("FAIRLEAD_PORTS__GATEWAY", "9000")
    monkeypatch.setenv("FAIRLEAD_WORKER", '{"max_running_jobs": 3}')
    monkeypatch.setenv("FAIRLEAD_MAIL__PASSWORD", "from-the-environment")
    assert get_settings().zeebe.oauth_client_secret == SecretStr("from-a-file")
    assert get_settings().mail.password == SecretStr("from-the-environment")
    found = shown()
    assert {name: (found[name]["value"], found[name]["source"]) for name in (
        "ports.gateway", "worker.max_running_jobs", "worker.drain_seconds", "zeebe.oauth_client_secret",
        "mail.password", "database_url",
    )} == {
        "ports.gateway": (9000, "environment"),
        "worker.max_running_jobs": (3, "environment"),
        "worker.drain_seconds": (20.0, "default"),
        "zeebe.oauth_client_secret": (MASK, "file"),
        "mail.password": (MASK, "environment"),
        "database_url": (None, "default"),
    }  # fmt: skip
    assert found["ports.gateway"]["variable"] == "FAIRLEAD_PORTS__GATEWAY"
    assert set(found) == set(_leaves(Settings().model_dump()))
    assert set(shown("--changed")) == {
        *("ports.gateway", "worker.max_running_jobs", "zeebe.oauth_client_secret", "mail.password"),
    }


def _leaves(given: dict[str, object], before: str = "") -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, dict) and name not in {
            "scoring_schema_by_source",
            "secrets",
            "topics_in",
            "workers_prompts",
            "absences_prompts",
            "roles",
            "rooms",
            "countries",
            "gateways",
            "soap",
            "teams",
        }:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_secrets_are_masked_also_inside_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://ana:h%40nter-2@db.example:5433/fairlead?sslmode=require")
    monkeypatch.setenv("FAIRLEAD_ZEEBE__REST_ADDRESS", "https://ana:s3@cret@camunda.example/x")
    monkeypatch.setenv("FAIRLEAD_GATEWAY__API_TOKENS", '["t0ken-one", "t0ken-two"]')
    for options in (["show"], ["show", "--json"]):
        text = CliRunner().invoke(app, options).stdout
        for secret in ("h%40nter", "h@nter", "s3@cret", "cret@", "t0ken"):
            assert secret not in text
        assert "db.example" in text
        assert "camunda.example" in text
    found = shown()
    tokens = found["gateway.api_tokens"]["value"]
    assert isinstance(tokens, list)
    assert [one["token"] for one in tokens] == [MASK, MASK]
    assert found["zeebe.rest_address"]["value"] == "https://ana:***@camunda.example/x"


def planted(model: Model, seen: list[str]) -> Model:
    """The settings with a secret wherever there may be one."""

    def secret() -> SecretStr:
        seen.append(f"Pl4nted-{len(seen)}-{'x' * 32}")
        return SecretStr(seen[-1])

    found: dict[str, object] = {}
    for name, field in type(model).model_fields.items():
        value, kind = getattr(model, name), str(field.annotation)
        if isinstance(value, BaseModel):
            found[name] = planted(value, seen)
        elif name == "database_url":
            found[name] = SecretStr(f"postgresql://ana:{secret().get_secret_value()}@db.example/fairlead")
        elif "dict" in kind and "SecretStr" in kind:
            found[name] = {"crm": [secret(), secret()]}
        elif "ApiToken" in kind:
            found[name] = [ApiToken.model_validate(secret())]
        elif "SecretStr" in kind:
            found[name] = secret()
    return model.model_copy(update=found)


def test_no_secret_of_any_section_is_shown_and_each_is_masked_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    settings = planted(Settings(), seen)
    assert len(seen) > 15
    monkeypatch.setattr("workers.settings.get_settings", lambda: settings)
    for options in (["show"], ["show", "--json"]):
        answer = CliRunner().invoke(app, options)
        assert answer.exit_code == 0, answer.output
        assert "db.example" in answer.stdout
        assert "Pl4nted" not in answer.stdout
    mask = Mask(settings)
    for secret in seen:
        assert mask(f"It said {secret}.") == mask.known(f"It said {secret}.") == f"It said {MASK}."


def test_a_dsn_is_shown_without_its_secrets() -> None:
    assert masked_dsn("host=db password='it\\'s' sslpassword=x user=ana") == (
        "user=ana password=*** host=db sslpassword=***"
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("no answer at postgresql://u:p@ss:w/rd@db/x", "no answer at postgresql://u:***@db/x"),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("PASSWORD = 'hun ter2' host=db", "PASSWORD = *** host=db"),
        ('{"client_secret": "hunter2", "a": 1}', '{"client_secret": ***, "a": 1}'),
        ("https://x/?access_token=hunter2&b=1", "https://x/?access_token=***&b=1"),
        ("Authorization: Bearer aGVsbG8gd29ybGQ=", "Authorization: Bearer ***"),
        ("known by heart: blue-horse", "known by heart: ***"),
        ("quoted: a%2Fb%40c", "quoted: ***"),
        ("password authentication failed for user ana", "password authentication failed for user ana"),
        ("http://127.0.0.1:8000/runbooks/incident.md", "http://127.0.0.1:8000/runbooks/incident.md"),
        ("demo of a demo", "demo of a demo"),
    ],
)
def test_text_is_masked(text: str, masked: str) -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://u:a%2Fb%40c@db/x"),
        zeebe=Zeebe(oauth_client_secret=SecretStr("blue-horse"), password=SecretStr("demo")),
    )
    assert Mask(settings)(text) == masked


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FAIRLEAD_PORTS__GATEWAY", "hunter2", "FAIRLEAD_PORTS__GATEWAY: Input should be a valid integer"),
        ("FAIRLEAD_DATABASE_URL", "hunter2 x", "FAIRLEAD_DATABASE_URL: it is no PostgreSQL DSN; it has the form"),
        ("FAIRLEAD_DATABASE_URL", "postgresql://u:hunter2/x@db/y", "FAIRLEAD_DATABASE_URL: it is no PostgreSQL DSN"),
        ("FAIRLEAD_GATEWAY__API_TOKENS", "hunter2", "write lists and mappings as JSON"),
        ("FAIRLEAD_GATEWAY__API_TOKENS", '[{"token": "hunter2", "name": "crm"}]', "a token with a name needs roles"),
        ("FAIRLEAD_OPENID__ISSUER", "http://hunter2.example", "FAIRLEAD_OPENID__ISSUER must be an https:// address"),
        ("FAIRLEAD_OPENID__ISSUER", "https://id.example/hunter2", "set also FAIRLEAD_OPENID__CLIENT_ID"),
        ("FAIRLEAD_OPENID__ROLES", '{"hunter2": "king"}', "Input should be 'viewer', 'manager'"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["fairlead", "config", "show"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "hunter2" not in told.err + told.out


@pytest.mark.parametrize(
    ("system", "variable"), [("hubspot", "HUBSPOT__ACCESS_TOKEN"), ("salesforce", "SALESFORCE__CLIENT_ID")]
)
def test_a_crm_that_is_chosen_and_not_connected_is_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, variable: str
) -> None:
    for name in ("CRM", "CRMS__TERRITORIES", "CRMS__OPPORTUNITIES"):
        monkeypatch.setenv(f"FAIRLEAD_{name}", system)
        with pytest.raises(WrongSettings, match=f"with FAIRLEAD_{name}={system} set also FAIRLEAD_{variable}"):
            get_settings()
        monkeypatch.delenv(f"FAIRLEAD_{name}")
        get_settings.cache_clear()
