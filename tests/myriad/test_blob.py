"""Reading whole blobs, undamaged and damaged. tests/oracle/test_blob_dump.py compares the reader with the compiler's own dump."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from kits.net_blobs import read_bytes as read
from myriad import BlobError
from myriad.data import Place
from myriad.stage import MOST_STAGES
from myriad.unit import Job
from tools.fuzz_blobs.samples import arithmetic, network
from tools.fuzz_blobs.writer import Record, Tensor, blob, job

MAP = Tensor((1, 8, 4, 4))
BORDER = struct.pack("<I", 0x7F83FF19)


def with_record(*records: Record) -> bytes:
    return blob([("data", MAP)], [("prob", MAP)], records, bytes(1024))


@pytest.mark.parametrize("major", [5, 6])
def test_a_whole_network(major: int, tmp_path: Path) -> None:
    """Before version 6, shapes stood in the records."""
    found = read(tmp_path, network(major))
    assert [(entry.name, entry.shape.dims) for entry in found.inputs] == [("data", (1, 3, 8, 8))]
    assert [(entry.name, entry.shape.letters) for entry in found.outputs] == [("prob", "NC")]
    names = ["Convert", "MyriadXHwOp", "MyriadXHwOp", "Copy", "Sum", "ReduceMean", "SoftMax"]
    assert [stage.name for stage in found.stages] == names
    assert [stage.injected_in for stage in found.stages] == [-1, -1, -1, 2, -1, -1, -1]
    assert [stage.shaves for stage in found.stages] == [4, 0, 0, 0, 2, 4, 4]
    assert found.stages[0].parameters == {"scale": 1, "bias": 0, "from_detection_output": 0, "have_batch": 1}
    assert found.stages[4].parameters["coeff2"] == 0.5
    convolution = found.stages[1]
    assert convolution.roles == ("in", "weights", "bias", "out")
    (done,) = convolution.jobs
    assert (done.job, done.kernel, done.stride, done.padded, done.relu) == (Job.CONVOLUTION, (3, 3), 1, True, (0, 0, 1))
    wide = convolution.find("out")
    assert (wide.place, wide.offset, wide.shape.strides) == (Place.CMX, 4096, (1024, 128, 16, 2))
    source = found.stages[0].find("in")
    assert (source.place, source.entry, source.shape.element) == (Place.INPUT, 0, "U8")
    assert convolution.traffic == (432 + 16, 384, 1024)


def test_other_stages(tmp_path: Path) -> None:
    found = read(tmp_path, arithmetic())
    assert found.stages[0].parameters == pytest.approx(
        {"size": 5, "k": 1, "alpha": 1e-4, "beta": 0.75, "zero": 0}, rel=1e-3
    )
    assert found.stages[6].roles == ("a", "b", "out")
    unknown = found.stages[-1]
    assert (unknown.name, unknown.type, unknown.parameters) == ("Type 999", 999, {})
    assert unknown.raw == struct.pack("<III", 1, 2, 3)


def test_a_shape_that_is_computed_while_the_network_runs(tmp_path: Path) -> None:
    found = read(tmp_path, arithmetic()).stages[7].data[5]
    assert not found.shape.fixed
    assert (found.shape.dims, found.shape.strides, found.offset) == ((0, 0), (16, 2), 1024)


def test_a_computed_shape_that_is_an_output_itself(tmp_path: Path) -> None:
    computed = Tensor((1, 8), Place.OUTPUT, 4, "NC", dims_place=Place.OUTPUT)
    found = read(tmp_path, with_record(Record(19, [computed, MAP]))).stages[0]
    assert [(data.place, data.offset) for data in found.data] == [(Place.OUTPUT, 4), (Place.BSS, 0)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (struct.pack("<iiif", 1, 0, 1, 0.5), {"normalize": 1, "across_channels": 0, "across_width": 1, "eps": 0.5}),
        (struct.pack("<iif", 1, 0, 0.5), {"normalize": 1, "across_channels": 0, "eps": 0.5}),
    ],
)
def test_parameters_of_older_compilers(parameters: bytes, expected: dict[str, float], tmp_path: Path) -> None:
    found = read(tmp_path, with_record(Record(62, [MAP, MAP], parameters, 4)))
    assert found.stages[0].parameters == expected


def test_arithmetic_of_whole_numbers(tmp_path: Path) -> None:
    whole = Tensor((1, 8), letters="NC", element="S32")
    none = Tensor((1,), Place.NONE, letters="C")
    record = Record(12, [whole, whole, whole, none], struct.pack("<iiiiii", 1, -1, -1, 0, 0, 0), 2)
    assert read(tmp_path, with_record(record)).stages[0].parameters["coeff2"] == -1


def test_bytes_after_the_blob(tmp_path: Path) -> None:
    found = read(tmp_path, network() + b"names of OpenVINO 2022")
    assert (found.more, len(found.stages)) == (22, 7)


def word(at: int, value: int) -> Callable[[bytes], bytes]:
    """Put another number into a blob, counted from its end if `at` is negative."""

    def change(content: bytes) -> bytes:
        place = at % len(content)
        return content[:place] + struct.pack("<I", value) + content[place + 4 :]

    return change


def first_record(at: int, value: int) -> Callable[[bytes], bytes]:
    """Put another number into the first record, or into its first descriptor of data, which begins at 32."""

    def change(content: bytes) -> bytes:
        (begin,) = struct.unpack_from("<I", content, 124)
        return word(begin + at, value)(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (word(76, 8), "stage 7"),
        (word(76, (1 << 32) - 1), f"4294967295 stages, expected at most {MOST_STAGES}"),
        (word(68, 2), "input 1: has number 0"),
        (word(68, (1 << 32) - 1), "input 1: has number 0"),
        (word(124, 64), "out of order"),
        (word(128, (1 << 32) - 1), "out of order"),
        (first_record(0, 20), "20 bytes, 20 of them parameters, do not fit"),
        (first_record(0, 1 << 31), "do not fit"),
        (first_record(12, 0), "0 of them parameters"),
        (first_record(4, 19), r"stage 0 \(Copy\): does not end with its type and a border"),
        (first_record(32, 7), "element type 7 is unknown"),
        (first_record(36, 0x4322), "order of dimensions 0x4322 for 4"),
        (first_record(40, 5), "order of dimensions 0x4321 for 5"),
        (first_record(40, 9), "9 dimensions, expected at most 8"),
        (first_record(44, 5), "shape in place 5"),
        (first_record(48, 1 << 31), "shape: bytes"),
        (first_record(60, 6), "place 6, expected 0 to 5"),
        (lambda content: content.replace(BORDER, bytes(4), 1), "border"),
        (lambda content: content[:2000], "cut short"),
    ],
)
def test_damaged_blobs(change: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(BlobError, match=message) as caught:
        read(tmp_path, change(network()))
    assert str(caught.value).startswith(str(tmp_path / "net.blob"))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record(19, [MAP, MAP], b"1234"), "4 bytes of parameters more than its kind has"),
        (Record(3, [MAP, MAP]), "ends at byte"),
        (Record(38, [MAP, MAP], jobs=[job(3, (0, 1, -1, -1, -1))]), "job 3 of the unit is unknown"),
        (Record(38, [MAP, MAP], jobs=[job(2, (0, 1, -1, -1, -1))]), "inner product of the unit"),
        (Record(38, [MAP, MAP], jobs=[job(4, (0, 2, -1, -1, -1))]), "uses data number 2, but has 2"),
        (Record(38, [MAP, MAP], jobs=[job(4, (0, -1, -1, -1, -1))]), "without input, output or weights"),
        (Record(38, [MAP, MAP], jobs=[job(0, (0, 1, -1, -1, -1))]), "without input, output or weights"),
        (Record(19, [Tensor([1 << 31] * 4, strides=[1] * 4)] * 2), "more than any chip holds"),
        (Record(19, [Tensor([4] * 4, strides=[(1 << 32) - 1] * 4)] * 2000), ""),
    ],
)
def test_wrong_records(record: Record, message: str, tmp_path: Path) -> None:
    if not message:
        # Many data are no fault of their own.
        assert len(read(tmp_path, with_record(record)).stages[0].data) == 2000
        return
    with pytest.raises(BlobError, match=message):
        read(tmp_path, with_record(record))


def test_a_stage_carries_one_level(tmp_path: Path) -> None:
    pooling = job(4, (0, 1, -1, -1, -1))
    inner = Record(38, [MAP, MAP], jobs=[pooling], injected=Record(19, [MAP, MAP]))
    with pytest.raises(BlobError, match="carries a stage, though it is carried itself"):
        read(tmp_path, with_record(Record(38, [MAP, MAP], jobs=[pooling], injected=inner)))


def test_a_wrong_shape_in_version_5(tmp_path: Path) -> None:
    with pytest.raises(BlobError, match="damaged"):
        read(tmp_path, word(64, 0)(word(60, 5)(network())))
