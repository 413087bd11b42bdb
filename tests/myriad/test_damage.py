"""Damaged blobs: our error or an answer, little memory, little time. `python -m tools.fuzz` tries many more."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from myriad import BlobError
from tools.fuzz_blobs import kinds


@pytest.mark.parametrize("kind", kinds())
def test_hundreds_of_damaged_files(kind: str, tmp_path: Path) -> None:
    make, read = kinds()[kind]
    path = tmp_path / "damaged"
    outcomes = {True: 0, False: 0}
    start = time.process_time()
    for number in range(300):
        path.write_bytes(make(random.Random(number)))
        try:
            read(path)
        except BlobError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
    assert min(outcomes.values()) > 10
    assert time.process_time() - start < 20
