"""Each kind of incompatible change is planted in a task and must be found; additions must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from workers.runtime.contracts import TaskContract, contract
from workers.runtime.contracts_changes import breaks
from workers.runtime.errors import BusinessError
from workers.runtime.task import Contract, Retry, TaskSpec


class NoRoom(BusinessError):
    """There is no room."""

    code: ClassVar[str] = "no_room"


class TooLate(BusinessError):
    """It is too late."""

    code: ClassVar[str] = "too_late"


class Place(BaseModel):
    street: str
    floor: int | None = None


class BookInput(Contract):
    case_id: str
    turn: int = 0
    place: Place
    band: Literal["hot", "cold"] = "hot"
    marks: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it
    wishes: list[str] | None = None


class BookOutput(Contract):
    booked: int
    where: Place
    band: Literal["hot", "cold"]
    wishes: list[str] | None


async def book(_given: Contract, _ports: object) -> Contract:
    raise AssertionError("Only its contract is looked at.")


def given(
    input_model: type[Contract] = BookInput,
    output_model: type[Contract] = BookOutput,
    *,
    name: str = "book",
    loop: str | None = "turn",
    effect: Literal["once", "idempotent", "none"] = "once",
    errors: tuple[type[BusinessError], ...] = (NoRoom,),
    undoes: str | None = None,
    after_close: bool = False,
    timeout_seconds: float = 30,
) -> dict[str, TaskContract]:
    spec = TaskSpec(
        job_type=f"flow.{name}",
        context="flow",
        name=name,
        function=book,
        input_model=input_model,
        output_model=output_model,
        business_id="case_id",
        loop=loop,
        effect=effect,
        errors=errors,
        undoes=undoes,
        after_close=after_close,
        closes=False,
        timeout_seconds=timeout_seconds,
        retry=Retry(),
        due=None,
    )
    return {spec.job_type: contract(spec)}


def said(last: Mapping[str, TaskContract], now: Mapping[str, TaskContract]) -> list[str]:
    return [f"{each.job_type}: {each.what}" for each in breaks(last, now)]


# Each class is the task's input after a change.


class NewRequired(BookInput):
    language: str


class RequiredNow(BookInput):
    turn: int


class Renamed(Contract):
    case_id: str
    turn: int = 0
    address: Optional[Place] = None  # noqa: UP045 - `X | None` and Optional[X] are the same to the checker
    band: Literal["hot", "cold"] = "hot"
    marks: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it
    wishes: list[str] | None = None


class NullRefused(BookInput):
    wishes: list[str] = []  # noqa: RUF012 - pydantic copies it


class OtherType(BookInput):
    turn: str = "0"  # type: ignore[assignment] # the change that is planted


class ChoiceRefused(BookInput):
    band: Literal["hot"] = "hot"


class FreeTextRefused(BookInput):
    case_id: Literal["a", "b"]


class Bounded(BookInput):
    turn: Annotated[int, Field(ge=0)] = 0


class PatternNow(BookInput):
    case_id: Annotated[str, Field(pattern="^lead-")]


class StricterMap(BookInput):
    marks: dict[str, Annotated[int, Field(le=9)]] = {}  # noqa: RUF012 - pydantic copies it


class StricterElements(BookInput):
    wishes: list[Annotated[str, Field(max_length=5)]] | None = None


class HighPlace(BaseModel):
    street: str
    floor: int


class StricterInside(BookInput):
    place: HighPlace  # type: ignore[assignment] # the change that is planted


class Streetless(BaseModel):
    floor: int | None = None


class GoneInside(BookInput):
    place: Streetless  # type: ignore[assignment] # the change that is planted


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (NewRequired, ["the input `language` is required now, and was not there."]),
        (RequiredNow, ["the input `turn` is required now, and was optional."]),
        (Renamed, ["the input `place` is gone."]),
        (NullRefused, ["the input `wishes` may not be null any more."]),
        (OtherType, ["the input `turn` may not be any whole number any more."]),
        (ChoiceRefused, ['the input `band` may not be "cold" any more.']),
        (FreeTextRefused, ["the input `case_id` may not be any text any more."]),
        (Bounded, ["the input `turn` must keep to minimum 0 now."]),
        (PatternNow, ['the input `case_id` must keep to pattern "^lead-" now.']),
        (StricterMap, ["the input `marks.*` must keep to maximum 9 now."]),
        (StricterElements, ["the input `wishes[]` must keep to maxLength 5 now."]),
        (
            StricterInside,
            [
                "the input `place.floor` is required now, and was optional.",
                "the input `place.floor` may not be null any more.",
            ],
        ),
        (GoneInside, ["the input `place.street` is gone."]),
    ],
)
def test_input_that_takes_less_is_found(changed: type[Contract], words: Sequence[str]) -> None:
    assert said(given(), given(input_model=changed)) == [f"flow.book: {each}" for each in words]


# Each class is the task's output after a change.


class OutputGone(Contract):
    where: Place
    band: Literal["hot", "cold"]
    wishes: list[str] | None


class OutputRenamed(OutputGone):
    was_booked: int


class NullNow(BookOutput):
    booked: int | None  # type: ignore[assignment] # the change that is planted


class ChoiceMore(BookOutput):
    band: Literal["hot", "warm", "cold"]  # type: ignore[assignment] # the change that is planted


class FloatNow(BookOutput):
    booked: float  # type: ignore[assignment] # the change that is planted


class ElementsNow(BookOutput):
    wishes: list[str | int] | None  # type: ignore[assignment] # the change that is planted


class Elsewhere(BaseModel):
    floor: int | None = None


class GoneBelow(BookOutput):
    where: Elsewhere  # type: ignore[assignment] # the change that is planted


class MapNow(BookOutput):
    where: dict[str, str]  # type: ignore[assignment] # the change that is planted


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (OutputGone, ["the output `booked` is gone."]),
        (OutputRenamed, ["the output `booked` is gone."]),
        (NullNow, ["the output `booked` may be null now."]),
        (ChoiceMore, ['the output `band` may be "warm" now.']),
        (FloatNow, ["the output `booked` may be any number now."]),
        (ElementsNow, ["the output `wishes[]` may be any whole number now."]),
        (GoneBelow, ["the output `where.street` is gone."]),
        (
            MapNow,
            [
                "the output `where.floor` may be left out now.",
                "the output `where.street` may be left out now.",
                "the output `where.floor` may be any text now.",
            ],
        ),
    ],
)
def test_output_that_gives_other_things_is_found(changed: type[Contract], words: Sequence[str]) -> None:
    assert said(given(), given(output_model=changed)) == [f"flow.book: {each}" for each in words]


@pytest.mark.parametrize(
    ("last", "now", "words"),
    [
        (given(), {}, "the task is gone."),
        (given(), given(name="reserve"), "the task is gone."),
        (given(), given(errors=()), "the business error `no_room` is gone."),
        (given(), given(errors=(NoRoom, TooLate)), "the business error `too_late` is new."),
        (given(), given(loop=None), "its effects are known by `case_id` now, and were by `case_id` and `turn`."),
        (given(loop=None), given(), "its effects are known by `case_id` and `turn` now, and were by `case_id`."),
        (given(), given(effect="idempotent"), 'its effect was "once" and is "idempotent".'),
        (given(undoes="hold"), given(), "it does not undo `hold` any more."),
        (given(after_close=True), given(), "it may not act on a withdrawn case any more."),
    ],
)
def test_task_that_is_run_otherwise_is_found(
    last: Mapping[str, TaskContract], now: Mapping[str, TaskContract], words: str
) -> None:
    (found,) = breaks(last, now)
    assert f"{found.job_type}: {found.what}" == f"flow.book: {words}"
    assert found.advice.endswith(".")


# What may change.


class MoreOptional(BookInput):
    language: str | None = None


class WiderInput(BookInput):
    turn: float = 0  # type: ignore[assignment] # the change that is tried
    band: Literal["hot", "warm", "cold"] | None = "hot"  # type: ignore[assignment] # the change that is tried


class AnyInput(BookInput):
    place: dict[str, object]  # type: ignore[assignment] # the change that is tried


class MoreOutput(BookOutput):
    price: int


class NarrowerOutput(BookOutput):
    band: Literal["hot"]
    wishes: None


@pytest.mark.parametrize(
    "now",
    [
        given(),
        given() | given(name="reserve"),
        given(input_model=MoreOptional),
        given(input_model=WiderInput),
        given(input_model=AnyInput),
        given(output_model=MoreOutput),
        given(output_model=NarrowerOutput),
        given(undoes="hold", after_close=True, timeout_seconds=5),
    ],
)
def test_additions_pass(now: Mapping[str, TaskContract]) -> None:
    assert said(given(), now) == []


class Box(BaseModel):
    inside: Box | None = None
    size: int


class SmallBox(BaseModel):
    inside: SmallBox | None = None
    size: Annotated[int, Field(le=5)]


class BoxInput(BookInput):
    box: Box


class SmallBoxInput(BookInput):
    box: SmallBox


def test_models_may_contain_themselves() -> None:
    assert said(given(input_model=BoxInput), given(input_model=BoxInput)) == []
    assert said(given(input_model=SmallBoxInput), given(input_model=BoxInput)) == []
    assert said(given(input_model=BoxInput), given(input_model=SmallBoxInput)) == [
        "flow.book: the input `box.size` must keep to maximum 5 now."
    ]
