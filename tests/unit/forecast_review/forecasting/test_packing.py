from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review.forecasting.errors import DataError
from workers.forecast_review.forecasting.packing import pack, unpack


def test_a_history_comes_back_to_the_last_bit() -> None:
    made = replace(history(24), groups=(("shop",),))
    gap = made.series["r0/s0"].values.copy()
    gap[3] = np.nan
    made = replace(made, series={**made.series, "r0/s0": replace(made.series["r0/s0"], values=gap)})
    back = unpack(pack(made))
    assert back.sha256 == made.sha256
    assert (back.name, back.levels, back.groups, back.unit) == (made.name, made.levels, made.groups, made.unit)
    np.testing.assert_array_equal(back.series["r0/s0"].values, gap)
    assert pack(back) == pack(made)


@pytest.mark.parametrize("data", [b"", b"something else", pack(history(12))[:-9]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="no packed history"):
        unpack(data)
