"""Which jobs an engine may have forgotten that was away."""

from __future__ import annotations

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from workers.runtime.zeebe.contact import Contact

S = 1_000_000_000


def test_never_away() -> None:
    assert not Contact().forgotten(5 * S, now=6 * S)


def test_a_short_absence_is_none() -> None:
    contact = Contact()
    contact.lost(10 * S)
    contact.lost(11 * S)
    assert not contact.forgotten(9 * S, now=11 * S)
    contact.had(11 * S)
    assert not contact.forgotten(9 * S, now=60 * S)


@pytest.mark.parametrize(("arrived", "forgotten"), [(30, False), (41, True), (49, True), (54, False)])
def test_what_came_shortly_before_an_absence_is_doubtful(arrived: int, forgotten: bool) -> None:
    contact = Contact()
    contact.lost(50 * S)
    assert contact.forgotten(arrived * S, now=53 * S) is forgotten
    contact.had(53 * S)
    assert contact.forgotten(arrived * S, now=90 * S) is forgotten


def test_a_later_short_absence_does_not_make_the_long_one_forgotten() -> None:
    contact = Contact()
    contact.lost(50 * S)
    contact.had(60 * S)
    contact.lost(70 * S)
    contact.had(71 * S)
    assert contact.forgotten(49 * S, now=80 * S)


@pytest.mark.parametrize(
    ("code", "away"),
    [
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
        (grpc.StatusCode.NOT_FOUND, False),
    ],
)
def test_an_answer_of_any_kind_is_contact(code: grpc.StatusCode, away: bool) -> None:
    contact = Contact()
    contact.lost(50 * S)
    contact.met(AioRpcError(code, Metadata(), Metadata()))
    assert contact.forgotten(49 * S, now=2**62) is True
    still = contact.forgotten(2**62 - 1, now=2**62)
    assert still is away
