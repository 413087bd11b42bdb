"""What requests of blobconverter become: its own fields, and hostile ones."""

from __future__ import annotations

import pytest

from common.errors import UsageError
from ncs.blob_server.request import Job, read_request, safe_name

FIELDS = {
    "version": "2022.1",
    "no_cache": "False",
    "name": "net",
    "myriad_shaves": "6",
    "myriad_params_advanced": "-ip U8",
    "data_type": "FP16",
    "download_ir": "False",
    "zoo_type": "intel",
}
"""The fields that blobconverter 1.4.3 sends."""


def config(*arguments: str, framework: str = "onnx", names: tuple[str, ...] = ("net.onnx",)) -> bytes:
    """The file "config" that blobconverter 1.4.3 writes."""
    lines = ["files:"]
    for name in names:
        lines += [f"- name: FP16/{name}", "  source:", "    $type: http", f"    url: $REQUEST/{name}"]
    lines += [f"framework: {framework}", "model_optimizer_args:", *(f"- {each}" for each in arguments)]
    return "\n".join([*lines, "task_type: detection"]).encode()


def read(*arguments: str, files: tuple[str, ...] = ("net.onnx",), **fields: str) -> Job:
    return read_request({**FIELDS, **fields}, config(*arguments, names=files), list(files))


def test_onnx_with_the_packages_own_options() -> None:
    job = read(
        "--mean_values=[127.5,127.5,127.5]",
        "--scale_values=[255,255,255]",
        "--data_type=FP16",
        "--input_model=$dl_dir/FP16/net.onnx",
    )
    assert " ".join(job.words) == (
        "compile --model net.onnx --out out --mean_values=[127.5,127.5,127.5] --scale_values=[255,255,255] "
        "--data_type=FP16 --shaves=6 --streams=1"
    )
    assert (job.with_ir, job.dry) == (False, False)


def test_caffe_and_ir_take_two_files() -> None:
    caffe = read(
        "--input_model=$dl_dir/FP16/a.caffemodel",
        "--input_proto=$dl_dir/FP16/a.prototxt",
        files=("a.prototxt", "a.caffemodel"),
    )
    assert (caffe.model, caffe.weights) == ("a.prototxt", "a.caffemodel")
    ir = read(files=("a.xml", "a.bin"))
    assert ir.words[:6] == ["compile", "--model", "a.xml", "--weights", "a.bin", "--out"]
    with pytest.raises(UsageError, match=r"without its \.caffemodel"):
        read(files=("a.prototxt",))


def test_spellings_of_model_optimizer() -> None:
    words = read("--reverse_input_channels", "--input_shape [1,3,64,64]", "--output=a,b", "-b 2", "--progress").words
    assert words[5:] == [
        "--input_shape=[1,3,64,64]",
        "--output=a,b",
        "--batch=2",
        "--reverse_input_channels",
        "--shaves=6",
        "--streams=1",
    ]


@pytest.mark.parametrize(
    ("arguments", "fields", "message"),
    [
        (["--extensions=/x.py"], {}, "is not known here"),
        ([], {"version": "2022.3_RVC3"}, "Ask for one of them"),
        ([], {"myriad_params_advanced": "-ip FP16"}, "expected -ip U8"),
        ([], {"myriad_params_advanced": "-ip"}, "expected -ip U8"),
        ([], {"myriad_params_advanced": "-ip U8 -il NHWC"}, "is not known here"),
        ([], {"myriad_shaves": "six"}, "from 1 to 16"),
        ([], {"data_type": "FP16-INT8"}, "expected FP16"),
        ([], {"name": "../../etc/passwd"}, "without a folder"),
    ],
)
def test_what_cannot_be_done_is_named(arguments: list[str], fields: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(*arguments, **fields)


def test_files_elsewhere_are_not_fetched() -> None:
    text = b"files: [{name: FP16/net.onnx, source: 'https://example.org/net.onnx'}]\nframework: onnx\n"
    with pytest.raises(UsageError, match="downloads nothing"):
        read_request(FIELDS, text, ["net.onnx"])
    with pytest.raises(UsageError, match="no model zoo"):
        read_request({**FIELDS, "use_zoo": "True"}, None, [])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"- 1",
        b"{",
        b"files: 1\nmodel_optimizer_args: 2",
        b"[" * 10000,
        b"x" * 70000,
        b"!!python/object/apply:os.system [ls]",
    ],
)
def test_hostile_configs(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_request(FIELDS, data, ["net.onnx"])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/x", "-x.onnx", ".x", "a\x00b", "a b", "a..b", "x" * 200])
def test_names_of_files(name: str) -> None:
    with pytest.raises(UsageError):
        safe_name(name)


def test_tensorflow_is_refused_with_the_next_step() -> None:
    with pytest.raises(UsageError, match=r"convert a frozen \.pb to ONNX"):
        read(files=("net.pb",))
