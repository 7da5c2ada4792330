"""Bulk API 2.0's tables: whatever a value holds comes out as it went in, and what breaks off is no table."""

from __future__ import annotations

import csv
import io

import pytest

from workers.connectors.answers import SystemDown
from workers.connectors.salesforce.answers import Fault, job_fault
from workers.connectors.salesforce.tables import Table, written

ODD = ["=HYPERLINK(1)", 'say "hi"', "a,b", "two\nlines", "two\r\nlines", "株式会社 🦊", " ", "'", "+1", '"']


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_odd_values_come_through_however_the_answer_is_cut(size: int) -> None:
    [(ids, sent)] = written({str(number): {"Name": value} for number, value in enumerate(ODD)}, "Id")
    table = Table()
    for start in range(0, len(sent), size):
        table.feed(sent[start : start + size])
    table.close()
    assert [row["Name"] for row in table.rows] == ODD
    assert ids == [str(number) for number in range(len(ODD))]


def test_a_field_that_is_not_given_stays_and_an_empty_one_is_cleared() -> None:
    [(_, sent)] = written({"1": {"City": ""}, "2": {"Phone": "5"}}, "Id")
    assert list(csv.reader(io.StringIO(sent.decode()))) == [["Id", "City", "Phone"], ["1", "#N/A", ""], ["2", "", "5"]]


def test_a_table_that_would_be_too_large_becomes_several() -> None:
    parts = list(written({str(number): {"Name": "x" * 50} for number in range(10)}, "Id", most_bytes=200))
    assert [one for ids, _ in parts for one in ids] == [str(number) for number in range(10)]
    assert len(parts) > 1
    assert all(len(sent) <= 200 and sent.startswith(b"Id,Name\n") for _, sent in parts)


@pytest.mark.parametrize(
    "parts",
    [
        [b"Id,Name\n1\n"],
        [b'Id\n"a"b\n'],
        [b'Id\n"1'],
        [b"Id\n\xff\n"],
        [b"Id\n\xe6"],
        [b'Id\n"'] + [b"x" * 1_000_000] * 3,
    ],
)
def test_what_breaks_off_or_is_no_table_is_tried_again(parts: list[bytes]) -> None:
    def read() -> None:
        table = Table()
        for part in parts:
            table.feed(part)
        table.close()

    with pytest.raises(SystemDown):
        read()


def test_what_a_job_says_of_a_record_is_shown_without_its_words() -> None:
    assert job_fault("INVALID_EMAIL_ADDRESS:Email: invalid email address: private text:Email --") == Fault(
        "INVALID_EMAIL_ADDRESS", ("Email",)
    )
    assert job_fault("REQUIRED_FIELD_MISSING:missing: [A, B]:LastName,Company --") == Fault(
        "REQUIRED_FIELD_MISSING", ("LastName", "Company")
    )
    assert job_fault("something else") == Fault("UNKNOWN", ())
    assert job_fault("") == Fault("UNKNOWN", ())
