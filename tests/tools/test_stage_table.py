from __future__ import annotations

import pytest

from common.errors import MokaError
from myriad.kinds import KINDS
from tools import stage_table


def test_the_page_has_the_table_of_today() -> None:
    page = stage_table.PAGE.read_text(encoding="utf-8")
    assert stage_table.with_table(page) == page, "write it again: python -m tools.stage_table"


def test_every_kind_is_on_the_page() -> None:
    table = stage_table.table()
    words = " ".join(table.split())
    for number, kind in KINDS.items():
        assert f"| {number} | {kind.name} |" in table or f"{kind.name} {number}" in words
    assert "| 26 | Power | f32 shift, scale, power | in out | C | yes |" in table
    assert "| 130 | StaticShapeNMS | not known | boxes scores most iou score out out_shape | P |  |" in table


def test_what_was_seen_is_known() -> None:
    names = {kind.name for kind in KINDS.values()}
    assert names >= stage_table.COMPILED | stage_table.PUBLISHED
    assert not stage_table.COMPILED & stage_table.PUBLISHED


def test_a_page_without_a_place_for_it() -> None:
    with pytest.raises(MokaError, match="expected one line each"):
        stage_table.with_table("# A page\n")
