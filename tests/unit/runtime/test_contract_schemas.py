"""The comparison of schemas never says yes wrongly: a real validator decides on drawn schemas and values."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from workers.runtime.contracts_schemas import Comparison

Schema = dict[str, Any]  # Any: JSON

ATOMS = st.sampled_from([None, True, False, 0, 1, 2, 1.5, "", "a", "bb"])


def bounded(kind: str, lower: str, upper: str) -> st.SearchStrategy[Schema]:
    limits = st.fixed_dictionaries({}, optional={lower: st.integers(0, 2), upper: st.integers(2, 3)})
    return limits.map(lambda found: {"type": kind, **found})


LEAVES = st.one_of(
    st.just({}),
    st.sampled_from([{"type": kind} for kind in ("null", "boolean", "number")]),
    bounded("integer", "minimum", "maximum"),
    bounded("string", "minLength", "maxLength"),
    st.builds(lambda value: {"const": value}, ATOMS),
    st.builds(lambda values: {"enum": values}, st.lists(ATOMS, min_size=1, max_size=3)),
)


def models(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    @st.composite
    def drawn(draw: st.DrawFn) -> Schema:
        properties = draw(st.dictionaries(st.sampled_from("pq"), parts, min_size=1))
        required = sorted(name for name in properties if draw(st.booleans()))
        return {"type": "object", "properties": properties, "required": required}

    return drawn()


def nested(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        models(parts),
        parts.map(lambda part: {"type": "object", "additionalProperties": part}),
        parts.map(lambda part: {"type": "array", "items": part}),
        st.lists(parts, min_size=1, max_size=3).map(lambda found: {"anyOf": found}),
    )


SCHEMAS = st.recursive(LEAVES, nested, max_leaves=4)


def values(schema: Schema) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of schema
    """Values that the schema allows, objects with the properties it names."""
    if "anyOf" in schema:
        return st.one_of([values(part) for part in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "integer":
            return st.integers(schema.get("minimum", -1), schema.get("maximum", 4))
        case "number":
            return st.sampled_from([-1, 0, 1.5, 4])
        case "string":
            return st.text("ab", min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 4))
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(values(schema["items"]), max_size=2)
        case "object" if "properties" in schema:
            parts = {name: values(part) for name, part in schema["properties"].items()}
            needed = {name: part for name, part in parts.items() if name in schema["required"]}
            return st.fixed_dictionaries(needed, optional={k: v for k, v in parts.items() if k not in needed})
        case "object":
            return st.dictionaries(st.sampled_from("pqr"), values(schema["additionalProperties"]), max_size=2)
        case _:
            return st.one_of(ATOMS, st.just([]), st.just({}))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Schema, Schema]:
    giver = draw(SCHEMAS)
    taker = draw(st.one_of(SCHEMAS, SCHEMAS, SCHEMAS.map(lambda other: {"anyOf": [other, giver]})))
    return giver, taker


@settings(max_examples=400, deadline=None)
@given(pairs(), st.booleans(), st.data())
def test_what_is_allowed_by_the_giver_is_allowed_by_the_taker(
    pair: tuple[Schema, Schema], older_gives: bool, data: st.DataObject
) -> None:
    giver, taker = pair
    if Comparison(giver, taker, older_gives=older_gives).differences():
        event("differs")
        return
    event("fits")
    value = data.draw(values(giver))
    Draft202012Validator(taker).validate(value)


@settings(max_examples=100, deadline=None)
@given(SCHEMAS, st.booleans())
def test_every_schema_fits_itself(schema: Schema, older_gives: bool) -> None:
    assert Comparison(schema, schema, older_gives=older_gives).differences() == []


def test_map_of_anything_is_no_map_of_nothing() -> None:
    """Found by the test above: ``{}`` allows any value."""
    anything, nulls = ({"type": "object", "additionalProperties": part} for part in ({}, {"type": "null"}))
    (found,) = Comparison(anything, nulls, older_gives=False).differences()
    assert (found.kind, found.path, found.what) == ("value", "*", "any value")
