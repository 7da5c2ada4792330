"""Formula injection: nothing that came from outside is run by the spreadsheet that opens a file of ours."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.spreadsheets import harmless, meant, write_frame, write_rows

WORKERS = Path(__file__).parents[2] / "workers"
FORMULAS = ['=HYPERLINK("http://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_becomes_text_and_is_read_as_it_was_meant(tmp_path: Path, formula: str) -> None:
    written = tmp_path / "frame.csv"
    frame = pd.DataFrame({formula: [1.5], "kind": pd.Categorical([formula]), "text": [formula]})
    write_frame(written, frame)
    by_rows = tmp_path / "rows.csv"
    write_rows(by_rows, [formula, "kind", "text"], [["1.5", formula, formula]])
    for file in (written, by_rows):
        with file.open(newline="", encoding="utf-8") as stream:
            head, row = list(csv.reader(stream))
        assert head[0] == row[1] == row[2] == f"'{formula}"
        assert meant(row[2]) == formula
        assert row[0] == "1.5"


def test_numbers_times_and_what_is_missing_stay_as_they_are(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    frame = pd.DataFrame({"less": [-1.25, None], "at": [moment, None], "amount": ["-250000.00", None], "n": [-1, 2]})
    write_frame(tmp_path / "ours.csv", frame)
    frame.to_csv(tmp_path / "plain.csv", index=False)
    assert (tmp_path / "ours.csv").read_text() == (tmp_path / "plain.csv").read_text()
    write_frame(tmp_path / "empty.csv", frame.iloc[:0])
    assert (tmp_path / "empty.csv").read_text() == "less,at,amount,n\n"


@given(st.text(st.sampled_from("=+-@\t\r'5a")))
def test_whatever_is_written_comes_back(text: str) -> None:
    assert meant(str(harmless(text))) == text
    assert not str(harmless(text)).startswith(("=", "@", "\t", "\r"))


def test_every_csv_file_is_written_by_it() -> None:
    found = {
        str(file.relative_to(WORKERS))
        for file in WORKERS.rglob("*.py")
        if re.search(r"\.to_csv\(|csv\.writer\(|DictWriter\(|text/csv", file.read_text())
    }
    # The others make no file for people: a packaged table is read by the way that all others take, and Salesforce gets values as they are.
    assert found - {"spreadsheets.py"} == {
        "forecast_review/forecasting/sources.py",
        "connectors/salesforce/bulk.py",
        "connectors/salesforce/tables.py",
    }
