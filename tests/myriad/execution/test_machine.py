"""A machine runs a whole blob: memory, batches, overflow, damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from kits.written_blobs import BlobWriter, Given, Made, Scratch, half, run_stage
from myriad import BlobError, read_blob
from myriad.execution import Machine

CONV, COPY, POWER, BIAS, MTCNN = 0, 19, 26, 9, 69
SHAPE = (1, 4, 6, 5)


def power(scale: float = 1, shift: float = 0, exponent: float = 1) -> bytes:
    return struct.pack("<3f", shift, scale, exponent)


def small_net() -> BlobWriter:
    """Scale the input, convolve it with a kernel of 3 x 3, add a bias: over two places of the scratch memory."""
    weights = Given(half(4, 4, 9), True)
    writer = BlobWriter(bss=2 * 4 * 6 * 5 * 2 + 64)
    writer.stage(POWER, power(0.5, 1), [Given(half(*SHAPE)), Made(SHAPE, scratch=0)])
    conv = struct.pack("<8I", 3, 3, 1, 1, 1, 1, 1, 1)
    writer.stage(CONV, conv, [Scratch(SHAPE, 0), Made(SHAPE, scratch=256), weights])
    return writer.stage(BIAS, b"", [Scratch(SHAPE, 256), Made(SHAPE), Given(half(4), True)])


def test_scratch_memory_may_hold_anything(tmp_path: Path) -> None:
    writer = small_net()
    blob = writer.write(tmp_path / "net.blob")
    for wide in (False, True):
        runs = [Machine(blob, wide, fill).run(writer.feed).outputs["y0"] for fill in (0, 255)]
        np.testing.assert_array_equal(*runs)
        assert np.isfinite(runs[0]).all()


def test_the_chip_rounds_where_the_wide_machine_does_not(tmp_path: Path) -> None:
    writer = small_net()
    blob = writer.write(tmp_path / "net.blob")
    chip, wide = (Machine(blob, wide).run(writer.feed).outputs["y0"] for wide in (False, True))
    off = np.abs(chip - wide).max() / np.abs(wide).max()
    assert 1e-5 < off < 1e-3
    np.testing.assert_array_equal(chip, chip.astype(np.float16))


def test_every_word_of_stages_and_weights_counts(tmp_path: Path) -> None:
    """A blob with another number in it gives another answer, or none: it is the blob that is computed."""
    writer = small_net()
    path = tmp_path / "net.blob"
    blob = writer.write(path)
    before = Machine(blob, wide=True).run(writer.feed).outputs["y0"]
    content, header = path.read_bytes(), blob.header
    # Numbers that only check the record (length, type, border), name memory or repeat a size; shapes of one axis.
    changed, refused = 0, 0
    for stage in blob.stages:
        for at in range(stage.at + 16, stage.at + 16 + len(stage.raw), 4):
            outcome = _changed(content, at, tmp_path, writer)
            assert outcome is None or not np.array_equal(outcome, before), (stage, at)
            changed, refused = changed + (outcome is not None), refused + (outcome is None)
    weights, bias = blob.stages[1].find("weights"), blob.stages[2].find("bias")
    for data in (weights, bias):
        for number in (0, data.shape.size // 2, data.shape.size - 1):
            at = header.constants_at + data.offset + 2 * number
            outcome = _changed(content, at, tmp_path, writer)
            assert outcome is not None
            assert not np.array_equal(outcome, before)
            changed += 1
    for stage in blob.stages:
        # The offset of the last data is the last number before the end of the record.
        outcome = _changed(content, stage.at + stage.length - 12, tmp_path, writer, 64)
        assert outcome is None or not np.array_equal(outcome, before)
    assert changed >= 12, (changed, refused)


def _changed(
    content: bytes, at: int, folder: Path, writer: BlobWriter, step: int = 1
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None:
    """Add to the number at a byte, and run the blob. None if it is refused."""
    other = bytearray(content)
    if at >= len(other) - 4 or step > 1 or other[at : at + 4] != b"\0\0\0\0":
        other[at] = (other[at] + step) % 256
    else:
        # A float of 0, and a number of 0, become something small.
        other[at : at + 4] = struct.pack("<I", 1)
    (folder / "other.blob").write_bytes(other)
    try:
        return Machine(read_blob(folder / "other.blob"), wide=True).run(writer.feed).outputs["y0"]
    except BlobError:
        return None


def test_overflow_is_named_by_the_stage_that_made_it(tmp_path: Path) -> None:
    x = np.full(SHAPE, 300, np.float16)
    writer = BlobWriter(bss=4096)
    writer.stage(COPY, b"", [Given(x), Made(SHAPE, scratch=0)])
    writer.stage(POWER, power(exponent=2), [Scratch(SHAPE, 0), Made(SHAPE, scratch=512)])
    writer.stage(POWER, power(scale=2), [Scratch(SHAPE, 512), Made(SHAPE)])
    blob = writer.write(tmp_path / "net.blob")
    outcome = Machine(blob).run(writer.feed)
    assert [(overflow.stage.number, overflow.count) for overflow in outcome.overflows] == [(1, x.size)]
    assert np.isinf(outcome.outputs["y0"]).all()
    wide = Machine(blob, wide=True).run(writer.feed)
    assert not wide.overflows
    np.testing.assert_array_equal(wide.outputs["y0"], np.full(SHAPE, 180000, np.float32))


def test_a_batch_runs_item_by_item(tmp_path: Path) -> None:
    writer = BlobWriter(batch=3).stage(POWER, power(2), [Given(half(*SHAPE)), Made(SHAPE)])
    blob = writer.write(tmp_path / "net.blob")
    many = half(3, *SHAPE[1:])
    found = Machine(blob).run({"x0": many}).outputs["y0"]
    np.testing.assert_array_equal(found, 2 * many)
    with pytest.raises(BlobError, match="expected 3 times 1x4x6x5"):
        Machine(blob).run(writer.feed)


def test_messages(tmp_path: Path) -> None:
    writer = small_net()
    machine = Machine(writer.write(tmp_path / "net.blob"))
    with pytest.raises(BlobError, match="has the input x0, but got data"):
        machine.run({"data": writer.feed["x0"]})
    with pytest.raises(BlobError, match="input x0 got 1x4x6 numbers, expected 1x4x6x5"):
        machine.run({"x0": writer.feed["x0"][..., 0]})
    strange = BlobWriter().stage(MTCNN, b"", [Given(half(*SHAPE)), Made(SHAPE)])
    with pytest.raises(BlobError, match="stages of type MTCNN are not computed here"):
        Machine(strange.write(tmp_path / "strange.blob"))


def test_damaged_stages_ask_for_no_memory(tmp_path: Path) -> None:
    x, w = Given(half(*SHAPE)), Given(half(4, 4, 9), True)
    for numbers in ((3, 3, 0, 1, 1, 1, 1, 1), (3, 3, 1 << 30, 1, 1, 1, 1, 1), (3, 3, 1, 1, 1 << 31, 1, 1, 1)):
        with pytest.raises(BlobError, match=r"stage 0 \(Conv\)"):
            run_stage(tmp_path, CONV, struct.pack("<8I", *numbers), [x, Made(SHAPE), w])
    with pytest.raises(BlobError, match="has 144 weights in CONSTANT, expected 400"):
        run_stage(tmp_path, CONV, struct.pack("<8I", 5, 5, 1, 1, 2, 2, 1, 1), [x, Made(SHAPE), w])
    outside = BlobWriter(bss=64).stage(COPY, b"", [x, Made(SHAPE, scratch=0)])
    with pytest.raises(BlobError, match="do not fit into its 64 bytes"):
        Machine(outside.write(tmp_path / "net.blob")).run(outside.feed)
