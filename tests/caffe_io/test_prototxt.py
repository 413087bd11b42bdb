from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import LayerParameter, NetParameter, SolverParameter
from caffe_io.errors import CaffeIOError, PrototxtError, WeightsError
from caffe_io.prototxt import parse_text, read_binary_net, read_net, read_solver, to_text


def saved(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def error_of(text: str) -> str:
    with pytest.raises(PrototxtError) as caught:
        parse_text(text, NetParameter(), "n.prototxt")
    return str(caught.value)


def test_a_net_is_read(tmp_path: Path) -> None:
    text = 'name: "n" layer { name: "c" type: "Convolution" convolution_param { kernel_size: 3 kernel_size: 5 } }'
    net = read_net(saved(tmp_path / "n.prototxt", text))
    assert net.name == "n"
    assert list(net.layer[0].convolution_param.kernel_size) == [3, 5]


@pytest.mark.parametrize(
    "text",
    [
        'layer{name:"a";type:"ReLU",bottom:"b"}',
        "layer < name: 'a' type: 'ReLU' bottom: 'b' >",
        'layer: { name: "a" type: "Re" "LU" bottom: [ "b" ] }',
        '# a comment with { and "\r\nlayer {\r\n\tname: "a" # }\r\n\ttype: "ReLU"\r\n bottom: "b" }\r\n',
        '\ufefflayer { name: "a" type: "ReLU" bottom: "\\x62" }',
    ],
)
def test_spellings_of_the_format(tmp_path: Path, text: str) -> None:
    assert list(read_net(saved(tmp_path / "n", text)).layer) == [LayerParameter(name="a", type="ReLU", bottom=["b"])]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("  frob: 3", "1:3"),
        ('name: "x"\n  frob: 3\n', "2:3"),
        ("\tfrob: 3", "1:2"),
        ('layer {\n name: "a"\n type 3\n}\n', "3:7"),
        ('name: "x\nlayer { }', "1:7"),
        ("name: 3", "1:7"),
        ("layer {\n  convolution_param { num_output: -3 }\n}", "2:35"),
        ('layer { name: "a" } }', "1:21"),
        ('name: "é" nme: "b"', "1:11"),
        ('name: "a"\n  name: "b"', "2:3"),
        ("layer {\n  include { phase: 7 } }", "2:20"),
        ("input_dim: 3.5", "1:12"),
        ('layer { bottom: ["a" "b" }', "1:26"),
        ("@", "1:1"),
    ],
)
def test_line_and_column_of_errors(text: str, place: str) -> None:
    assert error_of(text).startswith(f"n.prototxt:{place}: ")


def test_the_line_is_shown_with_a_mark_under_the_column() -> None:
    lines = error_of("layer {\n\ttype 3\n}\n").splitlines()
    assert lines[0] == 'n.prototxt:2:7: Expected ":".'
    assert lines[1:3] == ["     type 3", "          ^"]
    assert "prototxt text of a NetParameter" in lines[3]


def test_a_very_long_line_is_shown_in_part() -> None:
    text = " ".join(["input: 'x'"] * 5000) + " name 3 " + "input: 'y' " * 5000
    message = error_of(text)
    assert len(message) < 500
    shown, mark = message.splitlines()[1:3]
    assert shown[mark.index("^")] == "3"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name: "n"\nlayer {\n name: "a"\n', 2),
        ("layer {\n  convolution_param {\n    num_output: 3\n  }\n", 1),
        ("layer {\n  convolution_param {\n    num_output: 3\n}\n", 1),
    ],
)
def test_a_brace_that_is_never_closed(text: str, line: int) -> None:
    message = error_of(text)
    assert f"The brace of line {line} is never closed." in message


def test_a_missing_brace_between_layers() -> None:
    text = 'layer {\n  name: "a"\n  convolution_param {\n    num_output: 3\n}\nlayer {\n  name: "b"\n}\n'
    message = error_of(text)
    assert message.startswith("n.prototxt:6:1: ")
    assert "the block that begins on line 1 seems to be missing" in message.replace("The closing brace of ", "")


def test_one_message_lists_all_unknown_names_with_the_nearest() -> None:
    message = error_of('layer {\n name: "c" type: "Convolution"\n convolution_param { kernal_size: 3 strid: 1 }\n}')
    first, second = message.splitlines()
    assert first.startswith('n.prototxt:3:22: ConvolutionParameter has no field "kernal_size"')
    assert "nearest: kernel_size" in first
    assert second.startswith("n.prototxt:3:37: ")
    assert 'layer "c" (Convolution)' in second


def test_the_first_error_is_reported() -> None:
    assert error_of("layer { name 3 }\nlayer { frob: 3 }").startswith("n.prototxt:1:14: ")
    assert error_of("layer { frob: 3 }\nlayer { name 3 }").startswith("n.prototxt:1:9: ")


def test_required_fields() -> None:
    assert "layer[0].clip_param.max" in error_of('layer { type: "Clip" clip_param { min: 0 } }')


def test_text_of_other_encodings(tmp_path: Path) -> None:
    text = b'# \xc4\xe3\xba\xc3\nlayer { name: "caf\xc3\xa9" }\nlayer { name: "na\xefve" }\n'
    assert [layer.name for layer in read_net(saved(tmp_path / "n", text)).layer] == ["café", "naïve"]


def test_a_binary_file_is_not_text(tmp_path: Path) -> None:
    binary = NetParameter(layer=[LayerParameter(name="a", phase=0)]).SerializeToString()
    with pytest.raises(PrototxtError, match=r"n\.caffemodel: is not text.*--weights"):
        read_net(saved(tmp_path / "n.caffemodel", binary))


def test_missing_files(tmp_path: Path) -> None:
    for read in (read_net, read_solver):
        with pytest.raises(CaffeIOError, match=r"no: cannot be read \(No such file or directory\)"):
            read(tmp_path / "no")
    with pytest.raises(WeightsError, match=r"no: cannot be read .*; expected a caffemodel"):
        read_binary_net(tmp_path / "no")


def test_a_missing_file_that_is_looked_for_here(working_folder: Path) -> None:
    """As a script does that runs in another folder than the checkout."""
    with pytest.raises(CaffeIOError) as caught:
        read_solver("prototxt/AgeNet/solver.prototxt")
    assert str(caught.value).endswith(
        f"File names are relative to the folder where the command runs: {working_folder}."
    )


def test_a_round_trip_of_text() -> None:
    net = NetParameter(name='a "b"\n', layer=[LayerParameter(name="é", loss_weight=[0.1, 1e-30])])
    assert parse_text(to_text(net), NetParameter(), "n") == net


def test_a_solver_is_read(tmp_path: Path) -> None:
    solver = read_solver(saved(tmp_path / "s.prototxt", 'net: "n" solver_type: ADAM base_lr: 0.1 stepvalue: [3, 4]'))
    assert solver == SolverParameter(
        net="n", type="Adam", base_lr=0.1, stepvalue=[3, 4], snapshot_prefix=str(tmp_path / "s")
    )


def test_a_net_given_as_a_solver_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrototxtError, match='SolverParameter has no field "layer"'):
        read_solver(saved(tmp_path / "n", 'layer { name: "a" }'))


def test_a_binary_net_is_read(tmp_path: Path) -> None:
    net = NetParameter(name="n", layer=[LayerParameter(name="a", type="ReLU", bottom=["x"])])
    assert read_binary_net(saved(tmp_path / "n", net.SerializeToString())) == net


def test_names_that_are_not_utf8_in_a_binary_net(tmp_path: Path) -> None:
    layer = b"\x0a\x02\xc4\xe3" + b"\x12\x04ReLU" + b"\x1a\x02\xc4\xe3" + b"\x22\x01b"
    net = read_binary_net(saved(tmp_path / "n", b"\xa2\x06" + bytes([len(layer)]) + layer))
    assert net.layer[0] == LayerParameter(name="Äã", type="ReLU", bottom=["Äã"], top=["b"])


def test_a_forks_settings_under_the_number_of_clip_param(tmp_path: Path) -> None:
    """Microsoft's SmoothL1LossParameter has clip_param's number, and no required fields."""
    net = NetParameter(layer=[LayerParameter(name="a", type="SmoothL1Loss"), LayerParameter(name="b", type="Clip")])
    net.layer[0].clip_param.min = 1
    net.layer[1].clip_param.min = net.layer[1].clip_param.max = 1
    read = read_binary_net(saved(tmp_path / "n", net.SerializePartialToString()))
    assert [layer.HasField("clip_param") for layer in read.layer] == [False, True]
    assert read.IsInitialized()


def test_required_fields_of_a_binary_net(tmp_path: Path) -> None:
    net = NetParameter(layer=[LayerParameter(name="b", type="Clip")])
    net.layer[0].clip_param.min = 1
    with pytest.raises(WeightsError, match=r"n: .*layer\[0\]\.clip_param\.max"):
        read_binary_net(saved(tmp_path / "n", net.SerializePartialToString()))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is empty \(0 bytes\); expected a caffemodel"),
        (
            b'layer { name: "a" }',
            "19 bytes that are not a caffemodel; the file is damaged, cut short or of another kind",
        ),
        (NetParameter(layer=[LayerParameter(name="abc")]).SerializeToString()[:-1], "damaged, cut short"),
    ],
)
def test_damaged_binary_nets(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_binary_net(saved(tmp_path / "n", data))


@pytest.mark.timeout(20)
def test_devices_and_fifos_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    for name, kind in (("zero", "a device"), ("fifo", "a FIFO"), (".", "a folder")):
        for read in (read_net, read_solver, read_binary_net):
            with pytest.raises(CaffeIOError, match=f"cannot be read .{kind}, not an ordinary file"):
                read(tmp_path / name)
