from __future__ import annotations

from pathlib import Path

import pytest

from workers.lead_routing.scoring.errors import DataError, SchemaError
from workers.lead_routing.scoring.features import find, read_value, shown
from workers.lead_routing.scoring.schema import Feature, Schema, load_schema, parse_schema, shipped_schemas
from workers.lead_routing.scoring.table import build_table, read_table

BASE: dict[str, object] = {
    "name": "s",
    "label": {"column": "won", "positive": [True, "1"], "negative": [False, 0]},
    "ids": ["id"],
    "order": "at",
}


def with_features(*features: dict[str, object], **more: object) -> dict[str, object]:
    return {**BASE, "features": list(features), **more}


def test_shipped_schemas_load() -> None:
    assert shipped_schemas() == ["bank_marketing", "sales_leads"]
    for name in shipped_schemas():
        assert load_schema(name).name == name


@pytest.mark.parametrize("column", ["won", "id", "at", "later"])
def test_a_feature_that_would_leak_is_refused(column: str) -> None:
    data = with_features(
        {"name": "f", "kind": "numeric", "column": column}, excluded=[{"column": "later", "why": "known later"}]
    )
    with pytest.raises(SchemaError, match=f"feature 'f' reads '{column}'"):
        parse_schema(data, "test")


def test_duration_cannot_be_a_feature_of_the_bank_schema(bank_schema: Schema) -> None:
    data = bank_schema.model_dump(mode="json")
    data["features"].append({"name": "duration", "kind": "numeric"})
    with pytest.raises(SchemaError, match="'duration', which is excluded"):
        parse_schema(data, "test")


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"name": "f", "kind": "colour"}, "feature 'f' .*kind"),
        ({"name": "f", "kind": "numeric", "categories": ["a"]}, "only a categorical"),
        ({"name": "f", "kind": "boolean", "min": 1}, "only a numeric"),
        ({"name": "f", "kind": "numeric", "min": 2, "max": 1}, "min must be below"),
        ({"name": "f", "kind": "categorical", "categories": ["a", "a"]}, "listed twice"),
        ({"name": "f", "kind": "numeric", "mun": 2}, "feature 'f' .*mun"),
    ],
)
def test_schema_errors_name_the_feature(feature: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        parse_schema(with_features(feature), "test")


def test_unknown_or_broken_schema_files(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="bank_marketing, sales_leads"):
        load_schema("nonsense")
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(SchemaError, match="not valid YAML"):
        load_schema(broken)


def test_missing_columns_are_named(tmp_path: Path, bank_schema: Schema) -> None:
    file = tmp_path / "few.csv"
    file.write_text("age,job\n30,admin.\n")
    with pytest.raises(SchemaError, match=r"'marital'.*'y'"):
        read_table(file, bank_schema)


def test_bad_rows_name_row_and_column() -> None:
    schema = parse_schema(
        with_features(
            {"name": "size", "kind": "numeric", "required": True},
            {"name": "tone", "kind": "categorical", "categories": ["warm", "cool"]},
        ),
        "test",
    )
    good: list[dict[str, object]] = [{"at": i, "won": i % 2 == 0, "size": i, "tone": "warm"} for i in range(400)]
    bad: list[dict[str, object]] = [
        {"at": 5, "won": True, "size": "big", "tone": "warm"},
        {"at": 5, "won": True, "size": None, "tone": "loud"},
        {"at": "soon", "won": "perhaps", "size": 1, "tone": "warm"},
    ]
    with pytest.raises(DataError) as caught:
        build_table([*good[:10], *bad], schema)
    message = str(caught.value)
    assert "row 11, column 'size': 'big' is not a number" in message
    assert "row 12, column 'size': is required and missing; column 'tone': 'loud' is not one of warm, cool" in message
    assert "row 13, column 'won': 'perhaps'" in message
    assert "column 'at': 'soon'" in message
    table = build_table([*good, *bad], schema, skip_bad=True)
    assert (len(table), len(table.refused)) == (400, 3)
    with pytest.raises(DataError, match="3 of 13"):
        build_table([*good[:10], *bad], schema, skip_bad=True)


def test_rows_are_put_in_the_order_of_time_and_undecided_ones_left_out() -> None:
    schema = parse_schema(with_features({"name": "size", "kind": "numeric"}), "test")
    rows: list[dict[str, object]] = [
        {"at": "2026-03-01T00:00:00Z", "won": "true", "size": 3},
        {"at": "2026-01-01T00:00:00+00:00", "won": False, "size": 1},
        {"at": "2026-04-01T00:00:00Z", "won": "", "size": 4},
        {"at": "2026-02-01", "won": 0, "size": 2},
    ]
    table = build_table(rows, schema)
    assert table.columns["size"].tolist() == [1, 2, 3]
    assert table.labels.tolist() == [0, 0, 1]
    assert table.undecided == 1


@pytest.mark.parametrize(
    ("kind", "raw", "value", "problem"),
    [
        ("numeric", " 12.5 ", 12.5, False),
        ("numeric", "", None, False),
        ("numeric", "nan", None, False),
        ("numeric", -1, None, False),
        ("numeric", "-1.0", None, False),
        ("numeric", 10**400, None, True),
        ("numeric", "inf", None, True),
        ("numeric", True, None, True),
        ("numeric", [1], None, True),
        ("numeric", 5000, 100.0, True),
        ("boolean", "Yes", 1.0, False),
        ("boolean", 0, 0.0, False),
        ("boolean", 2, None, True),
        ("categorical", 7, "7", False),
        ("categorical", {"a": 1}, None, True),
    ],
)
def test_values(kind: str, raw: object, value: object, problem: bool) -> None:
    limits = {"max": 100} if kind == "numeric" else {}
    feature = Feature.model_validate({"name": "f", "kind": kind, "missing": [-1], **limits})
    reading = read_value(feature, raw)
    assert reading.value == value
    assert (reading.problem is not None) == problem


def test_dotted_paths_reach_nested_and_dotted_keys() -> None:
    lead = {"company": {"employees": 5}, "attributes": {"emp.var.rate": 1.1}, "cons.price": 2}
    assert find(lead, "company.employees") == 5
    assert find(lead, "attributes.emp.var.rate") == 1.1
    assert find(lead, "cons.price") == 2
    assert find(lead, "company.employees.none") is None


def test_values_are_shown_for_people() -> None:
    money = Feature(name="m", kind="numeric", unit="EUR")
    assert shown(money, 1234567.0) == "1,234,567 EUR"
    assert shown(money, 0.123456) == "0.1235 EUR"
    assert shown(money, None) == "not known"
    assert shown(Feature(name="b", kind="boolean"), 1.0) == "yes"
