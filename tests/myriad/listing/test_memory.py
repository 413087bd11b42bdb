"""What is in use when, and the picture of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from kits.net_blobs import read_bytes
from myriad import BlobError
from myriad.data import Place
from myriad.listing import memory, svg
from tools.fuzz_blobs.samples import network
from tools.fuzz_blobs.writer import Record, Tensor, blob

SOURCE = Tensor((1, 8, 4, 4), Place.INPUT)
COPY = 19


def spans(folder: Path, *copies: tuple[Tensor, Tensor]) -> list[tuple[int, int, int, int]]:
    """Return begin, end, first and last stage of what a blob of these copies keeps in memory."""
    records = [Record(COPY, pair) for pair in copies]
    found = memory.spans(read_bytes(folder, blob([("data", SOURCE)], [("prob", SOURCE)], records)))
    return [(span.begin, span.end, span.first, span.last) for span in found]


def at(offset: int, *dims: int, strides: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(dims or (1, 8, 4, 4), Place.BSS, offset, strides=strides)


def test_from_the_first_write_to_the_last_read(tmp_path: Path) -> None:
    found = spans(tmp_path, (SOURCE, at(0)), (at(0), at(256)), (at(0), at(512)), (at(256), SOURCE))
    assert found == [(0, 256, 0, 2), (256, 512, 1, 3), (512, 768, 2, 2)]


def test_memory_that_is_used_again(tmp_path: Path) -> None:
    """What reads it later reads the second tensor, not the first."""
    found = spans(tmp_path, (SOURCE, at(0)), (at(0), at(256)), (at(256), at(128)), (at(128), SOURCE))
    assert found == [(0, 256, 0, 1), (256, 512, 1, 2), (128, 384, 2, 3)]


def test_slices_of_one_tensor(tmp_path: Path) -> None:
    """Two slices of rows lie between each other. The second one overwrites nothing of the first."""
    upper, lower = (at(offset, 1, 8, 2, 4, strides=(256, 32, 8, 2)) for offset in (0, 16))
    found = spans(tmp_path, (SOURCE, upper), (SOURCE, lower), (at(0), SOURCE))
    assert found == [(0, 240, 0, 2), (16, 256, 1, 2)]


def test_a_shifted_tensor_of_the_same_shape_overwrites(tmp_path: Path) -> None:
    found = spans(tmp_path, (SOURCE, at(0)), (SOURCE, at(32)), (at(32), SOURCE))
    assert found == [(0, 256, 0, 0), (32, 288, 1, 2)]


def test_the_picture(tmp_path: Path) -> None:
    root = ElementTree.fromstring(svg.picture(read_bytes(tmp_path, network())))
    name = "{http://www.w3.org/2000/svg}"
    boxes = [box for box in root.iter(f"{name}rect") if box.find(f"{name}title") is not None]
    titles = [box.findtext(f"{name}title") for box in boxes]
    assert "stage 1, MyriadXHwOp: 1x8x8x8, bytes 4096 to 5120, until stage 2" in titles
    assert len(boxes) == 6
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in boxes:
        x, y, wide, high = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert wide > 0 and high > 0
        assert x >= svg.LEFT and x + wide <= width and y >= 0 and y + high <= height
    words = [text.text for text in root.iter(f"{name}text")]
    assert "written by MyriadXHwOp" in words
    assert any(word and word.startswith("CMX (fast memory): 524.3 kB") for word in words)


def test_names_of_files_are_escaped(tmp_path: Path) -> None:
    found = svg.picture(read_bytes(tmp_path, network(), "a<b&c"))
    assert "a&lt;b&amp;c.blob" in found
    ElementTree.fromstring(found)


def test_far_too_many_tensors(tmp_path: Path) -> None:
    many = Record(COPY, [at(0)] * (memory.MOST_SPANS + 1))
    with pytest.raises(BlobError, match="too many for a picture"):
        svg.picture(read_bytes(tmp_path, blob([("data", SOURCE)], [("prob", SOURCE)], [many])))
