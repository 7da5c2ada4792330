"""Forecasts over HTTP: made, read, judged, compared, withdrawn; sales in; pictures at links that end."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.unit.gateway.helpers import Client, MakeClient
from workers.office import links
from workers.runtime.database import Pool

TOKEN = "a token that nobody guesses"
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
MONTHS = ["2026-01", "2026-02"]


async def sql(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []


async def publish(
    pool: Pool, forecast_id: str, *, months: list[str] = MONTHS, factor: float = 1.0, organisation: str = "shops"
) -> str:
    """A version as `compose_forecast` stores it; its sending to the CRM was delivered."""
    version = f"{forecast_id}.1"
    await sql(
        pool,
        "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, state, opened_at, version)"
        " VALUES (%s, %s, 'by_hand', 'ana', 'published', %s, 'run-1')",
        *(forecast_id, organisation, datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=len(forecast_id))),
    )
    await sql(
        pool,
        "INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months, facts)"
        " VALUES (%s, %s, 1, %s, 'run-1', %s, %s)",
        *(version, forecast_id, organisation, months, Jsonb({"total": 100.0})),
    )
    override = Jsonb({"values": {"2026-01": 9.0}, "reason": "promotion", "by": "ana", "approved_by": "mona"})
    for place, (segment, bottom, base) in enumerate(
        [("total", False, 30.0), ("north/a", True, 10.0), ("north/b", True, 20.0)]
    ):
        await sql(
            pool,
            "INSERT INTO forecasting.published_segments (version, place, segment, level, bottom, champion, naive, model,"
            " base, final, lo80, hi80, lo95, hi95, override) VALUES (%s, %s, %s, %s, %s, 'theta', %s, %s, %s, %s, %s, %s,"
            " %s, %s, %s)",
            *(version, place, segment, "shop" if bottom else "total", bottom),
            *([value] * len(months) for value in (base, base, base, base * factor)),
            *([value] * len(months) for value in (base - 1, base + 1, base - 2, None)),
            override if segment == "north/a" else None,
        )
    await sql(
        pool,
        "INSERT INTO forecasting.sendings (change_id, forecast_id, release, version, target, state, asked_at)"
        " VALUES (%s, %s, 1, %s, 'crm', 'delivered', now())",
        *(f"{forecast_id}/1/crm", forecast_id, version),
    )
    return version


async def found(pool: Pool) -> None:
    """An organisation."""
    await sql(
        pool,
        "INSERT INTO forecasting.organisations (id, name, levels, unit, currency) VALUES ('shops', 'Shops',"
        " '{region,shop}', 'EUR', 'EUR')",
    )


@pytest.fixture
async def shops(pool: Pool) -> Pool:
    """A database with an organisation."""
    await found(pool)
    return pool


async def test_forecasts_are_listed_latest_first(client: Client, shops: Pool) -> None:
    for name in ("a", "bb", "ccc"):
        await publish(shops, name)
    await sql(
        shops,
        "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, opened_at)"
        " VALUES ('open', 'shops', 'drift', 'upkeep', '2026-03-01')",
    )
    await sql(shops, "INSERT INTO forecasting.progress VALUES ('open', 3, 9, 'theta')")
    page = (await client.get("/v1/forecasts", params={"limit": 2})).json()
    first, second = page["forecasts"]
    assert (first["forecast_id"], first["state"], first["version"], first["progress"]) == (
        "open", "open", None, "theta, 3 of 9",
    )  # fmt: skip
    assert (second["version"], second["in_use"], second["progress"]) == ("ccc.1", ["crm"], None)
    rest = (await client.get("/v1/forecasts", params={"cursor": page["next_cursor"]})).json()
    assert [one["forecast_id"] for one in rest["forecasts"]] == ["bb", "a"]
    assert rest["next_cursor"] is None
    open_ = (await client.get("/v1/forecasts", params={"state": "open", "organisation": "shops"})).json()
    assert [one["forecast_id"] for one in open_["forecasts"]] == ["open"]
    assert (await client.get("/v1/forecasts", params={"organisation": "other"})).json()["forecasts"] == []
    refused = await client.get("/v1/forecasts", params={"cursor": "none"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "query cursor")


async def test_a_review_with_all_that_happened(client: Client, shops: Pool) -> None:
    await publish(shops, "a")
    await sql(shops, "INSERT INTO runtime.timeline (business_id, actor, action, why, facts)"
                     " VALUES ('a', 'ana', 'composed', 'why not', '{}')")  # fmt: skip
    found = (await client.get("/v1/reviews/a")).json()
    assert (found["line"]["state"], found["segments"], found["progress"]) == ("published", [], None)
    assert [(one["actor"], one["action"]) for one in found["timeline"]] == [("ana", "composed")]
    assert (await client.get("/v1/reviews/none")).status_code == 404


async def test_what_was_found_in_the_sales_of_a_review(client: Client, shops: Pool) -> None:
    for collection in ("a/1", "a/2"):
        await sql(
            shops,
            "INSERT INTO forecasting.collections (history_id, forecast_id, organisation, raw_digest, content, problems)"
            " VALUES (%s, 'a', 'shops', '', '', %s)",
            *(collection, Jsonb([["sales of shops, row 7", "not_finite", "row 7: no number", "north/a"]] * 3)),
        )
    for place, (rule, proposal) in enumerate([("negative", 5.0), ("outlier", 7.0), ("level_shift", None)]):
        await sql(
            shops,
            "INSERT INTO forecasting.findings VALUES ('a/2', %s, 'north/a', '2025-03-01', %s, 'warning', 'odd', -1, %s)",
            *(place, rule, proposal),
        )
    await sql(
        shops,
        "INSERT INTO forecasting.repairs VALUES ('a/2', 'north/a', '2025-03-01', 'negative', -1, 5, 'repair_by_rule')",
    )
    first = (await client.get("/v1/reviews/a/findings", params={"limit": 2})).json()
    assert (first["history_id"], first["left_out_count"], first["next_cursor"]) == ("a/2", 3, 2)
    where = "sales of shops, row 7"
    assert first["left_out"] == [{"where": where, "rule": "not_finite", "text": "row 7: no number", "segment": "north/a"}] * 2  # fmt: skip
    negative, outlier = first["findings"]
    assert (negative["rule"], negative["month"], negative["value"]) == ("negative", "2025-03", -1)
    assert (negative["repaired"], negative["decided_by"]) == (5, "repair_by_rule")
    assert (outlier["proposal"], outlier["repaired"], outlier["decided_by"]) == (7, None, None)
    rest = (await client.get("/v1/reviews/a/findings", params={"cursor": first["next_cursor"]})).json()
    assert [one["rule"] for one in rest["findings"]] == ["level_shift"]
    assert rest["next_cursor"] is None
    assert (await client.get("/v1/reviews/none/findings")).status_code == 404


async def test_a_version_shows_what_the_models_and_what_people_said(client: Client, shops: Pool) -> None:
    version = await publish(shops, "a", factor=1.5)
    found = (await client.get(f"/v1/forecasts/{version}")).json()
    assert (found["organisation"], found["unit"], found["months"], found["facts"]) == (
        "shops",
        "EUR",
        MONTHS,
        {"total": 100},
    )
    assert (found["release"], found["next_cursor"]) == (None, None)
    assert [(one["target"], one["state"]) for one in found["targets"]] == [("crm", "delivered")]
    total, part, _ = found["segments"]
    assert (total["segment"], total["base"], total["final"], total["override"]) == ("total", [30, 30], [45, 45], None)
    assert (part["lo80"], part["hi95"], part["champion"]) == ([9, 9], [None, None], "theta")
    assert part["override"]["by"] == "ana"
    one = (await client.get(f"/v1/forecasts/{version}", params={"segment": "north/b"})).json()
    assert [part["segment"] for part in one["segments"]] == ["north/b"]
    level = (await client.get(f"/v1/forecasts/{version}", params={"level": "shop", "limit": 1})).json()
    assert [part["segment"] for part in level["segments"]] == ["north/a"]
    rest = await client.get(f"/v1/forecasts/{version}", params={"level": "shop", "cursor": level["next_cursor"]})
    assert [part["segment"] for part in rest.json()["segments"]] == ["north/b"]


@pytest.mark.parametrize("address", ["none", "none/accuracy", "none/compare/a.1", "a.1/compare/none"])
async def test_a_version_that_is_not_there(client: Client, shops: Pool, address: str) -> None:
    await publish(shops, "a")
    answer = await client.get(f"/v1/forecasts/{address}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:problem-type:fairlead:unknown-version"


async def test_accuracy_by_step_model_and_person(client: Client, shops: Pool) -> None:
    version = await publish(shops, "a")
    assert (await client.get(f"/v1/forecasts/{version}/accuracy")).json()["type"].endswith("not-judged")
    for until, segment, step, wape, added, person in [
        ("2026-01", "north/a", "naive", 90, None, None),
        ("2026-02", "north/a", "naive", 20, None, None),
        ("2026-02", "north/b", "naive", 30, None, None),
        ("2026-02", "north/a", "model", 10, 10, None),
        ("2026-02", "north/b", "model", 20, 10, None),
        ("2026-02", "north/a", "override", 16, -6, "ana"),
        ("2026-02", "north/b", "override", 20, 0, None),
        ("2026-02", "total", "naive", 99, None, None),
    ]:
        await sql(
            shops,
            "INSERT INTO forecasting.judged (version, until, segment, step, champion, person, months, wape, value_added)"
            " VALUES (%s, %s, %s, %s, 'theta', %s, 2, %s, %s)",
            *(version, until, segment, step, person, wape, added),
        )
    found = (await client.get(f"/v1/forecasts/{version}/accuracy")).json()
    assert found["until"] == "2026-02"
    assert [(one["step"], one["segments"], one["wape"]) for one in found["steps"]] == [
        ("naive", 2, 25),
        ("model", 2, 15),
        ("override", 2, 18),
    ]
    assert [(one["model"], one["segments"], one["value_added"]) for one in found["models"]] == [("theta", 2, 10)]
    assert [(one["person"], one["segments"], one["value_added"]) for one in found["people"]] == [("ana", 1, -6)]
    earlier = (await client.get(f"/v1/forecasts/{version}/accuracy", params={"until": "2026-01"})).json()
    assert [one["wape"] for one in earlier["steps"]] == [90]


async def test_two_versions_are_compared_over_the_months_that_both_have(client: Client, shops: Pool) -> None:
    old, new = await publish(shops, "a"), await publish(shops, "bb", months=["2026-02", "2026-03"], factor=1.2)
    found = (await client.get(f"/v1/forecasts/{old}/compare/{new}", params={"limit": 2})).json()
    assert found["months"] == ["2026-02"]
    assert [(one["segment"], one["before"], one["after"]) for one in found["changes"]] == [
        ("total", 30, 36),
        ("north/b", 20, 24),
    ]
    assert found["changes"][0]["change_percent"] == pytest.approx(20)
    later = await publish(shops, "ccc", months=["2027-01"])
    refused = await client.get(f"/v1/forecasts/{old}/compare/{later}")
    assert (refused.status_code, refused.json()["detail"]) == (422, "a.1 and ccc.1 have no month in common.")


async def test_a_forecast_is_asked_for_once(client: Client, shops: Pool) -> None:
    body, key = {"organisation": "shops"}, {"Idempotency-Key": "one"}
    first = await client.post("/v1/forecasts", json=body, headers=key)
    assert first.status_code == 202
    again = await client.post("/v1/forecasts", json=body, headers=key)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    (row,) = await sql(shops, "SELECT business_id, payload FROM runtime.outbox")
    forecast_id = first.json()["forecast_id"]
    assert row["business_id"] == row["payload"]["correlation_key"] == forecast_id
    assert row["payload"]["variables"] | {"asked_by": ""} == {
        "forecast_id": forecast_id, "organisation": "shops", "reason": "by_hand", "asked_by": "",
    }  # fmt: skip


async def test_a_forecast_that_cannot_be_asked_for(client: Client, shops: Pool) -> None:
    unknown = await client.post("/v1/forecasts", json={"organisation": "other"}, headers={"Idempotency-Key": "k"})
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "unknown-organisation")
    odd = await client.post("/v1/forecasts", json={"organisation": "shops", "when": "now"})
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (422, "#/when")
    await sql(
        shops,
        "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, opened_at)"
        " VALUES ('open', 'shops', 'drift', 'upkeep', now())",
    )
    busy = await client.post("/v1/forecasts", json={"organisation": "shops"})
    assert (busy.status_code, busy.json()["forecast_id"]) == (409, "open")
    assert await sql(shops, "SELECT 1 FROM runtime.outbox") == []


async def test_a_review_is_withdrawn_once_while_it_is_open(client: Client, shops: Pool) -> None:
    asked = (await client.post("/v1/forecasts", json={"organisation": "shops"})).json()["forecast_id"]
    for status in ("withdrawal asked", "withdrawal asked before"):
        answer = await client.post(f"/v1/forecasts/{asked}/withdraw", json={"why": "wrong data"})
        assert (answer.status_code, answer.json()["status"]) == (202, status)
    names = [row["payload"]["name"] for row in await sql(shops, "SELECT payload FROM runtime.outbox ORDER BY id")]
    assert names == ["forecast_requested", "forecast_withdrawn"]
    await publish(shops, "a")
    done = await client.post("/v1/forecasts/a/withdraw", json={"why": "late"})
    assert (done.status_code, done.json()["state"]) == (409, "published")
    unknown = await client.post("/v1/forecasts/none/withdraw", json={"why": "late"})
    assert unknown.status_code == 404


def sale(segment: str = "north/a", month: str = "2025-12", value: object = 5.0) -> dict[str, object]:
    return {"segment": segment, "month": month, "value": value}


async def test_sales_are_taken_and_the_forecast_is_looked_at(client: Client, shops: Pool) -> None:
    batch = [sale(), sale("north/b", value=7)]
    first = await client.post("/v1/organisations/shops/sales", json={"sales": batch})
    assert (first.status_code, first.json()) == (200, {"new": 2, "changed": 0, "same": 0, "refused": 0, "problems": []})
    (row,) = await sql(shops, "SELECT payload FROM runtime.outbox")
    assert (row["payload"]["name"], row["payload"]["variables"]["organisation"]) == (
        "forecast_upkeep_requested",
        "shops",
    )
    assert (await client.post("/v1/organisations/shops/sales", json=batch)).json()["same"] == 2
    assert (await client.post("/v1/organisations/shops/sales", json=[sale(value=6.0)])).json()["changed"] == 1
    assert {row["segment"]: row["value"] for row in await sql(shops, "SELECT * FROM forecasting.sales")} == {
        "north/a": 6, "north/b": 7,
    }  # fmt: skip


async def test_what_says_nothing_new_does_not_have_the_forecast_looked_at(client: Client, shops: Pool) -> None:
    await sql(shops, "INSERT INTO forecasting.sales (organisation, segment, month, value, source)"
                     " VALUES ('shops', 'north/a', '2025-12-01', 5, 'file')")  # fmt: skip
    assert (await client.post("/v1/organisations/shops/sales", json=[sale()])).json()["same"] == 1
    assert await sql(shops, "SELECT 1 FROM runtime.outbox") == []


@pytest.mark.parametrize(
    ("record", "pointer", "says"),
    [
        (sale(segment="north"), "#/segment", "one part for each level: region / shop"),
        (sale(segment="north//a"), "#/segment", "below all sums"),
        (sale(segment="*/a"), "#/segment", "below all sums"),
        (sale(segment="total"), "#/segment", "below all sums"),
        (sale(month="2025-13"), "#/month", "such as 2026-01"),
        (sale(month="2999-01"), "#/month", "not over"),
        (sale(month=datetime.now(UTC).strftime("%Y-%m")), "#/month", "not over"),
        (sale(value="7"), "#/value", "valid number"),
        (sale(value=True), "#/value", "valid number"),
        (sale(value=1e300), "#/value", "less than or equal"),
        (sale() | {"unit": "EUR"}, "#/unit", "not permitted"),
        (7, "#", "object"),
    ],
)
async def test_a_bad_figure_gets_its_own_problem_and_spoils_nothing(
    client: Client, shops: Pool, record: object, pointer: str, says: str
) -> None:
    answer = (await client.post("/v1/organisations/shops/sales", json=[record, sale("north/b")])).json()
    assert (answer["new"], answer["refused"]) == (1, 1)
    (refused,) = answer["problems"]
    (fault,) = refused["problem"]["errors"]
    assert (refused["index"], fault["pointer"]) == (0, pointer)
    assert says in fault["detail"]
    alone = await client.post("/v1/organisations/shops/sales", json=[record])
    assert (alone.status_code, alone.json()["type"].rpartition(":")[2]) == (422, "no-sale-taken")


async def test_the_same_month_twice_in_a_batch_names_the_first(client: Client, shops: Pool) -> None:
    answer = (await client.post("/v1/organisations/shops/sales", json=[sale(), sale(value=9)])).json()
    assert "at index 0 already" in answer["problems"][0]["problem"]["errors"][0]["detail"]
    assert [row["value"] for row in await sql(shops, "SELECT value FROM forecasting.sales")] == [5]


async def test_sales_of_nobody_and_too_many(client: Client, shops: Pool) -> None:
    assert (await client.post("/v1/organisations/other/sales", json=[sale()])).status_code == 404
    assert (await client.post("/v1/organisations/shops/sales", json=[])).status_code == 422
    assert (await client.post("/v1/organisations/shops/sales", json={"figures": []})).status_code == 422
    assert (await client.post("/v1/organisations/shops/sales", json=[1] * 10_001)).status_code == 413


async def test_a_picture_opens_by_its_link_until_it_ends(make_client: MakeClient, shops: Pool) -> None:
    client = await make_client(api_tokens=[TOKEN])
    version = await publish(shops, "a")
    await sql(shops, "INSERT INTO forecasting.pictures (run_version, segment, png) VALUES ('run-1', 'north/a', 'PNG')")
    found = (await client.get(f"/v1/forecasts/{version}", headers=AUTHORISED)).json()
    pictures = {one["segment"]: one["picture"] for one in found["segments"]}
    shown = await client.get(pictures["north/a"])
    assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/png", b"PNG")
    missing = await client.get(pictures["total"])
    assert (missing.status_code, missing.json()["type"].rpartition(":")[2]) == (404, "no-picture")
    path, _, query = pictures["north/a"].partition("?")
    changed = [f"{path[:-1]}b?{query}", pictures["north/a"].replace("until=", "until=9"), f"{pictures['north/a']}0"]
    for link in changed:
        assert (await client.get(link)).status_code == 403
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=AUTHORISED)).status_code == 200


async def test_a_link_ends(make_client: MakeClient, shops: Pool) -> None:
    secret = "a secret of the house, thirty-two long"
    client = await make_client(api_tokens=[TOKEN], link_secret=secret)
    await sql(shops, "INSERT INTO forecasting.pictures (run_version, segment, png) VALUES ('run-1', 'total', 'PNG')")
    for minutes, status in ((1, 200), (-1, 403)):
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        link = links.signed("", "/forecasts/run-1/pictures/total", secret.encode(), until)
        assert (await client.get(link)).status_code == status


async def test_a_version_as_a_page(client: Client, shops: Pool) -> None:
    version = await publish(shops, "a", factor=1.5)
    await sql(shops, "INSERT INTO forecasting.pictures (run_version, segment, png) VALUES ('run-1', 'total', 'PNG')")
    answer = await client.get(f"/forecasts/{version}")
    assert answer.status_code == 200
    assert "img-src 'self'" in answer.headers["Content-Security-Policy"]
    for text in (
        "Forecast a.1",
        "CRM: delivered",
        "<td>45.0</td>",
        "promotion, by ana",
        'src="/forecasts/run-1/pictures/total?',
    ):
        assert text in answer.text
    assert answer.text.count("<img") == 1
    assert (await client.get("/forecasts/none")).status_code == 404


def test_the_gateway_does_not_load_what_forecasts() -> None:
    heavy = ("pandas", "numpy", "matplotlib", "statsforecast", "prophet", "pyarrow", "holidays")
    code = f"import sys, workers.gateway.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
