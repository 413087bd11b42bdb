from __future__ import annotations

from pathlib import Path

from common.tasks import TASKS
from lmdb_build.divide.counts import count_table
from lmdb_build.samples import Sample


def test_rows_are_classes_and_columns_are_sets() -> None:
    people = [
        Sample(Path("x"), "x", {"years": age, "gender": gender}) for age, gender in [(3, 0), (35, 1), (36, 1), (99, 0)]
    ]
    table = count_table(TASKS["age"], {"before": people, "after": people * 30})
    lines = [line.split() for line in table.splitlines()]
    assert lines[0] == ["age", "before", "after"]
    assert ["0-9", "1", "30"] in lines
    assert ["30-39", "2", "60"] in lines
    assert ["40-49", "0", "0"] in lines
    assert lines[-1] == ["all", "4", "120"]
    assert len({len(line) for line in table.splitlines()}) == 1, "columns are aligned"
    assert count_table(TASKS["gender"], {"before": people}).splitlines()[1].split() == ["male", "2"]
