"""The tables of attention, which no diagram calls: they and the control room hold the same names."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import product

from lxml import etree

from tests.bindings.attention_cases import case
from tests.bindings.conftest import Tables
from tests.bindings.models import NS, ROOT
from workers.control_room.foresight import LEVELS
from workers.control_room.prediction.attention import DECISION, Attention, OpenCase


def test_the_tables_read_what_is_given_and_nothing_else() -> None:
    tree = etree.parse(ROOT / "dmn/attention_rules.dmn")
    texts = " ".join(tree.xpath("//dmn:inputExpression/dmn:text/text()", namespaces=NS))
    assert set(re.findall(r"open_case\.(\w+)", texts)) == {field.name for field in fields(OpenCase)}


async def test_every_case_gets_one_answer_that_is_understood(tables: Tables) -> None:
    grid = [
        case(process=process, segment=segment, band=band, risk=risk, mostly_gone=gone, minutes_left=left, waits_for=whom)
        for process, segment, band, risk, gone, left, whom in product(
            ["lead_routing", "quota_approval"], [None, "strategic", "mid_market"], [None, "hot"], [None, 0.1, 0.45, 1.0],
            [True, False], [-5, 10], ["person", "group"],
        )
    ]  # fmt: skip
    found = [Attention.model_validate(answer.output) for answer in await tables.all(DECISION, grid)]
    assert {one.level for one in found} <= set(LEVELS)
    assert all(one.why.endswith(".") for one in found)
