"""Net cards and model cards: what is read, what is written, and the message about each wrong card."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.card import (
    CHANNELS,
    BinOutput,
    BlobEntry,
    InputEntry,
    IrEntry,
    MeanEntry,
    ModelCard,
    NetCard,
    OutputEntry,
    RawOutput,
    SourceEntry,
    check_fits,
    complete,
    describe_input,
    mean_hash,
    plain_card,
    read_card,
    read_cards,
    read_net_card,
    schema,
    write_card,
)
from common.cards.typed_json import MAX_BYTES, rule
from common.commands import LOGGER
from common.errors import CardError
from common.places import ROOT, net_files
from kits.inference import card_of
from kits.inference import write_card as write_content

HASH = "0123456789abcdef" * 4
OUTPUT = {"blob": "prob", "task": "age", "read": "argmax", "classes": ["young", "old"]}
GOOD: dict[str, Any] = {
    "name": "N",
    "channel_order": "BGR",
    "resize": "stretch",
    "crop_margin": 0.0,
    "outputs": [OUTPUT],
}


def write(path: Path, card: object) -> Path:
    path.write_text(card if isinstance(card, str) else json.dumps(card))
    return path


def picture(channels: int) -> InputEntry:
    return describe_input("data", [1, channels, 24, 20], "N.prototxt")


def changed(card: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The card with another value at a dotted key; an Ellipsis takes the key away."""
    card = json.loads(json.dumps(card))
    *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    place: Any = card
    for part in path:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return card


# Reading


def test_a_card_as_the_compiler_writes_it(tmp_path: Path) -> None:
    blob = {"file": "AgeNet.blob", "openvino": "2021.4.2", "shaves": 8, "cmx_slices": 8, "sha256": HASH, "bytes": 9}
    mean = {"inside": True, "kind": "image", "sha256": HASH, "channel_means": [1, 2, 3]}
    card = read_card(write_content(tmp_path, card_of("AgeNet", blob=blob, mean=mean)))
    assert (card.name, card.input.shape, card.channel_order, card.resize) == (
        "AgeNet",
        [1, 3, 24, 20],
        "BGR",
        "stretch",
    )
    files = (card.xml_path, card.bin_path, card.blob_path)
    assert files == tuple(tmp_path / f"AgeNet.{kind}" for kind in ("xml", "bin", "blob"))
    assert card.path == tmp_path / "AgeNet.json"
    assert card.hashes == {tmp_path / "AgeNet.blob": HASH}
    assert (card.mean.kind, card.mean.sha256) == ("image", HASH)
    (output,) = card.outputs
    assert (output.blob, output.task, output.size) == ("prob", "colour", 3)
    assert output.model_dump()["classes"] == ["blue", "green", "red"]


def test_bins_grey_and_no_blob(tmp_path: Path) -> None:
    outputs = [{"blob": "p", "task": "age", "read": "expected_value", "bins": [0, 1, 2.5]}]
    given = {"blob": "data", "shape": [1, 1, 48, 48], "layout": "NCHW", "precision": "U8"}
    card = read_card(write_content(tmp_path, card_of(outputs=outputs, input=given, channel_order="GRAY")))
    (output,) = card.outputs
    assert isinstance(output, BinOutput)
    assert output.bins == [0.0, 1.0, 2.5]
    assert output.size == 3
    assert card.blob_path is None


def test_cards_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("GenderNet", "AgeNet", "SmileNet"):
        write_content(tmp_path, card_of(name))
    assert [card.name for card in read_cards(tmp_path)] == ["AgeNet", "GenderNet", "SmileNet"]


def test_a_card_of_another_tool_needs_only_what_the_runner_uses(tmp_path: Path) -> None:
    card = card_of(ir={"xml": "A.xml", "bin": "A.bin"}, mean={"inside": False, "kind": "none", "sha256": None})
    del card["source"]
    assert read_cards(write_content(tmp_path, card).parent)[0].hashes == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": [card_of()["input"], {**card_of()["input"], "blob": "data_p"}]}, "takes 2 inputs"),
        ({"input": {"blob": "x", "shape": [1, 10], "layout": "NC", "precision": "FP16"}}, "takes 1x10 numbers"),
        ({"input": {**card_of()["input"], "shape": [1, 5, 24, 20]}}, "takes pictures of 5 channels"),
        ({"input": {**card_of()["input"], "shape": [2, 3, 24, 20]}}, "takes 2 pictures at once"),
    ],
)
def test_a_net_that_the_runner_cannot_show_a_picture(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write_content(tmp_path, card_of("Pair", **changes))
    assert words in str(read_card(path).obstacle)
    with pytest.raises(CardError, match=rf"Pair\.json: its network {words}.*one picture.*Run the .xml with OpenVINO"):
        read_cards(tmp_path)


# Cards that are left out


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"foreign": 1}', '"format" is missing'),
        ("[" * 100_000, "is JSON that cannot be read"),
        ("[" * 100 + "]" * 100, "is JSON of more than 50 levels"),
        (
            json.dumps(card_of("Zoo", comment=[[[[{"a": [[1]]}]]]], outputs=[])),
            '"outputs" is \\[\\], so there is nothing to read',
        ),
        (
            json.dumps(card_of("Zoo", input={**card_of()["input"], "shape": [1, 5, 24, 20]})),
            "takes pictures of 5 channels",
        ),
    ],
)
def test_a_card_of_no_use_leaves_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, words: str
) -> None:
    write_content(tmp_path, card_of("AgeNet"))
    write(tmp_path / "Zoo.json", content)
    assert [card.name for card in read_cards(tmp_path)] == ["AgeNet"]
    (warning,) = warnings(caplog)
    assert re.match(rf"left out: {tmp_path}/Zoo\.json: .*{words}", warning)
    assert "\n" not in warning


def test_no_card_is_left(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "[1]")
    write(tmp_path / "b.json", "{")
    with pytest.raises(CardError, match=r"none of its 2 networks can be used\.\n  .*a\.json: holds.*\n  .*b\.json:1:2"):
        read_cards(tmp_path)


def test_a_fifo_and_a_folder_among_the_cards(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_content(tmp_path, card_of("AgeNet"))
    os.mkfifo(tmp_path / "B.json")
    (tmp_path / "C.json").mkdir()
    assert len(read_cards(tmp_path)) == 1
    fifo, folder = warnings(caplog)
    assert "B.json: cannot be read (a FIFO, not an ordinary file)" in fifo
    assert "C.json: cannot be read (a folder, not an ordinary file)" in folder


def test_two_cards_of_one_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in ("age", "other", "sex"):
        write(tmp_path / f"{file}.json", card_of("Other" if file == "other" else "AgeNet"))
    assert [card.name for card in read_cards(tmp_path)] == ["AgeNet (age.json)", "Other", "AgeNet (sex.json)"]
    (warning,) = warnings(caplog)
    assert warning.startswith(f'{tmp_path}/age.json, {tmp_path}/sex.json: are all called "AgeNet"')


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_folder_of_no_possible_name(name: str) -> None:
    with pytest.raises(CardError, match=r"cannot be read .*moka|compile2Movidius"):
        read_cards(name)


@pytest.mark.parametrize("read", [read_card, read_net_card])
def test_a_file_of_no_possible_name(read: Any) -> None:
    with pytest.raises(CardError, match="its name holds a NUL byte"):
        read(Path("a\0b.json"))


# Wrong cards

WRONG_NET_CARD = [
    ("name", "", ['"name" is ""', "expected a name"]),
    ("name", "\ud800", ['"name" is "\\ud800"']),
    ("name", ..., ['"name" is missing', "expected a name"]),
    ("channel_order", "bgr", ['"channel_order" is "bgr"', "expected BGR, RGB or GRAY"]),
    ("channel_order", ["BGR"], ['"channel_order" is ["BGR"]', "expected BGR"]),
    ("resize", "strech", ['"resize" is "strech"', 'Did you mean "stretch"?']),
    ("crop_margin", -0.5, ['"crop_margin" is -0.5', "above -0.5"]),
    ("crop_margin", "0", ['"crop_margin" is "0"']),
    ("crop_margin", True, ['"crop_margin" is true']),
    ("crop_margin", 10**400, ['"crop_margin" is 1000', "..."]),
    ("crop_margin", 1e308, ['"crop_margin" is 1e+308', "at most 1000"]),
    ("crop_margin", float("inf"), ['"crop_margin" is Infinity']),
    ("eye_level", 1.5, ['"eye_level" is 1.5', "a share from 0 to 1"]),
    ("eye_level", -0.1, ['"eye_level" is -0.1']),
    ("eye_level", "0.3", ['"eye_level" is "0.3"']),
    ("eye_level", float("nan"), ['"eye_level" is NaN']),
    ("outputs", {}, ['"outputs" is {}', "expected a list with an object for each output"]),
    ("outputs", ["prob"], ['"outputs[0]" is "prob"', "expected an object"]),
    (
        "outputs.0.read",
        "max",
        ['"outputs[0].read" is "max"', "expected argmax, expected_value, median, value, values, raw or detections"],
    ),
    (
        "outputs.0.read",
        ["argmax"],
        ['"outputs[0].read" is ["argmax"]', "expected argmax, expected_value, median, value"],
    ),
    ("outputs.0.read", ..., ['"outputs[0].read" is missing', "expected argmax, expected_value, median, value"]),
    ("outputs.0.blob", ..., ['"outputs[0].blob" is missing']),
    ("outputs.0.classes", ["one"], ['"outputs[0].classes" is ["one"]', "at least two"]),
    ("outputs.0.classes", ["a", "b", "a"], ['"outputs[0].classes"', "different"]),
    ("outputs.0.classes", ["a", 3], ['"outputs[0].classes" is ["a", 3]', "class names"]),
    ("outputs.0.classes", [0, 1, 2], ["is [0, 1, 2]", 'Write numbers as text: ["0", "1", "2"].']),
    ("outputs.0.classes", ["c", "d", "d"], ['"d" is there twice']),
    ("outputs.0.classes", None, ['"outputs[0].classes" is null']),
    ("outputs.0.classes", ["a", "\x1b[2J"], ['["a", "\\u001b[2J"]', "A control character is in it"]),
    ("outputs.0.task", "a\nb", ['"outputs[0].task" is "a\\nb"', "A control character is in it"]),
    ("outputs.0", {"blob": "b", "task": "t", "read": "values"}, ['"outputs[0].names" is missing']),
    ("outputs.0", {"blob": "b", "task": "t", "read": "values", "names": [0]}, ['Write numbers as text: ["0"].']),
    ("outputs.0", {"blob": "b", "task": "t", "read": "raw", "shape": [0]}, ['"outputs[0].shape" is [0]']),
    (
        "outputs.0",
        {"blob": "b", "task": "t", "read": "expected_value", "bins": [0, 1e300]},
        ['"outputs[0].bins" is [0, 1e+300]', "a list of numbers"],
    ),
    ("outputs.0.classes", ..., ['"outputs[0].classes" is missing']),
    ("outputs.0.read", "expected_value", ['"outputs[0].bins" is missing']),
]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        *WRONG_NET_CARD,
        ("format", ..., ['"format" is missing', "expected 1"]),
        ("format", 2, ['"format" is 2', "expected 1"]),
        ("format", True, ['"format" is true']),
        ("input", "data", ['"input" is "data"', "expected an object"]),
        ("input.shape", [3, 24, 20], ['"input.shape" is [3, 24, 20]', "expected [batch, channels, height, width]"]),
        ("input.shape", [1, 3, 24, "20"], ['"input.shape"']),
        ("input.shape", [1, 3, 0, 20], ['"input.shape"']),
        ("input.shape", [1, 1, 24, 20], ['"input.shape"', "expected 3 channels, because channel_order is BGR"]),
        ("input.layout", "NHWC", ['"input.layout" is "NHWC"', "expected NCHW"]),
        ("input.precision", "FP16", ['"input.precision" is "FP16"', "expected U8"]),
        ("input.resize_to", [24], ['"input.resize_to" is [24]', "expected a list [height, width]"]),
        ("input.resize_to", [24, 19], ['"input.resize_to" is [24, 19]', "the network takes, [24, 20]"]),
        ("input.resize_to", [24, 8193], ["sizes from 1 to 8192"]),
        ("mean.kind", "pixel", ['"mean.kind" is "pixel"', "expected image, values or none"]),
        ("mean.sha256", "abc", ['"mean.sha256" is "abc"', "64 hexadecimal digits"]),
        ("mean.sha256", ..., ['"mean.sha256" is missing', "64 hexadecimal digits or null"]),
        ("mean", {"inside": False, "kind": "image", "sha256": None}, ['"mean.inside" is false', "expected true"]),
        ("ir.xml", "../AgeNet.xml", ['"ir.xml" is "../AgeNet.xml"', "a file name"]),
        ("ir.xml", "..", ['"ir.xml" is ".."', "a file name"]),
        ("ir.bin", ..., ['"ir.bin" is missing', "a file name"]),
        ("ir.bin_sha256", "abc", ['"ir.bin_sha256" is "abc"', "64 hexadecimal digits"]),
        ("blob", "AgeNet.blob", ['"blob" is "AgeNet.blob"', "an object", "or null"]),
        ("blob", {"file": "A.blob"}, ['"blob.sha256" is missing']),
        ("blob", {}, ['"blob.file" is missing', 'Also wrong: "blob.sha256".']),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, key: str, value: Any, words: list[str]) -> None:
    path = write_content(tmp_path, card_of())
    path.write_text(json.dumps(changed(card_of(), key, value)), "utf-8")
    with pytest.raises(CardError) as caught:
        read_cards(tmp_path)
    message = str(caught.value)
    for word in (str(path), *words, "./moka compile --net NAME --force"):
        assert word in message


@pytest.mark.parametrize(("key", "value", "words"), WRONG_NET_CARD)
def test_the_compiler_refuses_what_the_runner_would(tmp_path: Path, key: str, value: Any, words: list[str]) -> None:
    path = write(tmp_path / "N.json", changed(GOOD, key, value))
    with pytest.raises(CardError) as caught:
        read_net_card(path)
    message = str(caught.value)
    for word in (str(path), *words, "docs/net_card.schema.json"):
        assert word in message


def test_a_card_of_another_format_is_not_judged_by_its_keys(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r'card\.json: "format" is 2; expected 1\. Also wrong: "name"'):
        read_card(write(tmp_path / "card.json", {**card_of(), "format": 2, "name": 5}))


def test_two_outputs_of_one_blob(tmp_path: Path) -> None:
    outputs = card_of()["outputs"] * 2
    with pytest.raises(CardError, match=r'"outputs\[1\].blob" is "prob"; expected each output blob once'):
        read_card(write_content(tmp_path, card_of(outputs=outputs)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"AgeNet\.json:1:2: is not JSON: Expecting property name"),
        ('{"name": "N",\n "outputs": [}', r"AgeNet\.json:2:14: is not JSON"),
        ("[1]", r"holds \[1\]; expected a JSON object"),
        ("", r"AgeNet\.json:1:1: is not JSON"),
        ("[" * 100_000, "is JSON that cannot be read"),
        ('{"format": ' + "1" * 5000 + "}", "is JSON that cannot be read|expected 1"),
    ],
)
def test_a_damaged_card(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path / "AgeNet.json", text)
    for read in (lambda: read_cards(tmp_path), lambda: read_net_card(path)):
        with pytest.raises(CardError, match=words):
            read()


def test_a_card_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "AgeNet.json"
    path.write_bytes(b"\xff\xfe\x00")
    for read in (lambda: read_cards(tmp_path), lambda: read_net_card(path)):
        with pytest.raises(CardError, match="is not JSON, nor any text"):
            read()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "AgeNet.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(CardError, match=r"cannot be read .larger than the 16777216 bytes"):
        read_card(path)


def test_a_missing_net_card(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"N\.json: cannot be read \(No such file"):
        read_net_card(tmp_path / "N.json")


def test_a_net_card_without_outputs(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r'"outputs" is \[\]; expected an object for each output'):
        read_net_card(write(tmp_path / "N.json", {**GOOD, "outputs": []}))


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_no_cards_says_what_to_type(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(CardError) as caught:
        read_cards(tmp_path / name)
    if name != "file":
        assert "./compile2Movidius.sh" in str(caught.value)
        assert "./demo.sh" in str(caught.value)


def test_a_file_of_another_compile(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"ColourNet.{kind}" for kind in ("xml", "bin")}
    for kind, file in files.items():
        file.write_text(kind)
    ir = {f"{kind}_sha256": hashlib.sha256(kind.encode()).hexdigest() for kind in files}
    card = read_card(write_content(tmp_path, card_of(ir={**card_of()["ir"], **ir})))
    for file in files.values():
        card.check_file(file)
        file.write_text("of another compile")
        with pytest.raises(CardError, match=rf"{file.name}: is not the file that .*ColourNet\.json describes.*--force"):
            card.check_file(file)
        file.unlink()
        with pytest.raises(CardError, match=rf"{file.name}: cannot be read .No such file"):
            card.check_file(file)
    files["bin"].write_text("anything")  # a card without hashes, for the IR of another tool
    read_card(write_content(tmp_path, card_of())).check_file(files["bin"])


# Net cards


def test_good_net_card(tmp_path: Path) -> None:
    assert read_net_card(write(tmp_path / "N.json", GOOD)).model_dump(exclude_unset=True) == GOOD


@pytest.mark.parametrize(("name", "classes"), [("AgeNet", 9), ("GenderNet", 2)])
def test_the_projects_own_cards(name: str, classes: int) -> None:
    card = read_net_card(net_files(name, ROOT / "prototxt").card)
    check_fits(card, picture(3), {"prob": [1, classes]}, name)


def test_card_of_another_net() -> None:
    card = NetCard.model_validate(GOOD)
    check_fits(card, picture(3), {"prob": [1, 2]}, "N.json")
    with pytest.raises(CardError, match=r'"prob".*has probability'):
        check_fits(card, picture(3), {"probability": [1, 2]}, "N.json")
    with pytest.raises(CardError, match=r'describes 2 classes of "prob", which has 9 values'):
        check_fits(card, picture(3), {"prob": [1, 9]}, "N.json")
    with pytest.raises(CardError, match=r'"channel_order" is "BGR".*takes 1x1x24x20, expected 3 channels'):
        check_fits(card, picture(1), {"prob": [1, 2]}, "N.json")


@pytest.mark.parametrize(
    ("shape", "softmax", "entry"),
    [
        ([1, 3], True, {"read": "argmax", "classes": ["0", "1", "2"]}),
        ([1, 2, 1, 1], True, {"read": "argmax", "classes": ["0", "1"]}),
        ([1, 1], False, {"read": "value"}),
        # The softmax of one number is 1: no class to choose.
        ([1, 1], True, {"read": "value"}),
        ([], False, {"read": "value"}),
        ([1, 3], False, {"read": "values", "names": ["0", "1", "2"]}),
        ([1, 1, 5], False, {"read": "values", "names": ["0", "1", "2", "3", "4"]}),
        ([1, 2, 4, 4], False, {"read": "raw", "shape": [1, 2, 4, 4]}),
        ([1, 2, 4, 4], True, {"read": "raw", "shape": [1, 2, 4, 4]}),
        ([1, 4096], False, {"read": "raw", "shape": [1, 4096]}),
    ],
)
def test_plain_card_reads_an_output_by_its_shape(shape: list[int], softmax: bool, entry: dict[str, Any]) -> None:
    card = plain_card("N", 3, {"a": shape}, ["a"] if softmax else [])
    check_fits(card, picture(3), {"a": shape}, "N")
    assert card.model_dump(exclude_unset=True)["outputs"] == [{"blob": "a", "task": "a", **entry}]


@pytest.mark.parametrize(
    ("entry", "shape", "words"),
    [
        ({"read": "value"}, [1, 2], r'N: describes one value of "b", which has 2 values\. Correct it'),
        ({"read": "values", "names": ["x", "y"]}, [1, 4], 'describes 2 names of "b", which has 4 values'),
        ({"read": "raw", "shape": [1, 4]}, [1, 2, 2], 'says that "b" is 1x4, but it is 1x2x2'),
    ],
)
def test_outputs_that_do_not_fit(entry: dict[str, Any], shape: list[int], words: str) -> None:
    card = NetCard.model_validate({**GOOD, "outputs": [{"blob": "b", "task": "t", **entry}]})
    with pytest.raises(CardError, match=words):
        check_fits(card, picture(3), {"b": shape}, "N")


@pytest.mark.parametrize(("channels", "order"), [(0, "BGR"), (1, "GRAY"), (3, "BGR"), (5, "BGR")])
def test_plain_card_of_other_channels(channels: int, order: str) -> None:
    assert plain_card("N", channels, {"a": [1, 2]}).channel_order == order


# Writing

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
numbers = st.integers(-(2**53), 2**53) | st.floats(-(2**53), 2**53)
some_json = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"])), st.lists
)
outputs = st.one_of(
    st.fixed_dictionaries(
        {"blob": names, "task": names, "read": st.just("argmax"), "classes": st.lists(names, min_size=2, unique=True)},
        optional={"comment": some_json},
    ),
    st.fixed_dictionaries(
        {
            "blob": names,
            "task": names,
            "read": st.sampled_from(["expected_value", "median"]),
            "bins": st.lists(numbers, min_size=2),
        },
        optional={"comment": some_json},
    ),
    st.fixed_dictionaries({"blob": names, "task": names, "read": st.just("value")}),
    st.fixed_dictionaries(
        {"blob": names, "task": names, "read": st.just("values"), "names": st.lists(names, min_size=1, unique=True)}
    ),
    st.fixed_dictionaries(
        {"blob": names, "task": names, "read": st.just("raw"), "shape": st.lists(st.integers(1, 9), min_size=1)}
    ),
)
net_cards = st.fixed_dictionaries(
    {
        "name": names,
        "channel_order": st.sampled_from(sorted(CHANNELS)),
        "resize": st.just("stretch"),
        "crop_margin": st.integers(0, 9) | st.floats(-0.4, 9),
        "outputs": st.lists(outputs, min_size=1, max_size=3, unique_by=lambda output: output["blob"]),
    },
    optional={"comment": some_json, "eye_level": st.none() | st.floats(0, 1)},
)


def shape_of(output: OutputEntry) -> list[int]:
    return output.shape if isinstance(output, RawOutput) else [1, output.size]


@settings(max_examples=200, deadline=None)
@given(content=net_cards, order=st.randoms(use_true_random=False), with_blob=st.booleans())
def test_whatever_the_compiler_accepts_the_runner_reads_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], order: Any, with_blob: bool
) -> None:
    folder = tmp_path_factory.mktemp("card")
    keys = list(content)
    order.shuffle(keys)
    content = {key: content[key] for key in keys}
    path = folder / "N.json"
    path.write_text(json.dumps(content), "utf-8")
    net_card = read_net_card(path)
    shown = picture(CHANNELS[net_card.channel_order])
    check_fits(net_card, shown, {output.blob: shape_of(output) for output in net_card.outputs}, "N")
    mean = {"inside": True, "kind": "none", "sha256": None, "channel_means": [0.0]}
    source = {"caffemodel": "N_iter_1.caffemodel", "sha256": HASH}
    ir = {"xml": "N.xml", "bin": "N.bin", "xml_sha256": HASH, "bin_sha256": HASH, "version": 10}
    blob = {"file": "N.blob", "openvino": "2021.4.2", "shaves": 8, "bytes": 7, "sha256": HASH} if with_blob else None
    card = complete(
        net_card, "N", [shown], MeanEntry(**mean), SourceEntry(**source), IrEntry(**ir), BlobEntry(**blob) if blob else None
    )  # fmt: skip
    entries = {"input": shown.model_dump(exclude_unset=True), "mean": mean, "source": source, "ir": ir, "blob": blob}
    write_card(card, path)
    # The bytes of the writer before there were models: the net card's own keys first, in their order.
    text = json.dumps({**content, "format": 1, **entries}, indent=2, ensure_ascii=False) + "\n"
    assert path.read_text("utf-8") == text
    (read,) = read_cards(folder)
    assert read == card.at(path)


def test_a_card_that_the_runner_would_refuse_is_not_written() -> None:
    mean, ir = MeanEntry(inside=True, kind="none", sha256=None), IrEntry(xml="N.xml", bin="N.bin")
    with pytest.raises(CardError, match=r'N: "input\.shape" is \[1, 1, 24, 20\]; expected 3 channels'):
        complete(NetCard.model_validate(GOOD), "N", [picture(1)], mean, SourceEntry(), ir, None)


def test_a_blob_without_a_name() -> None:
    with pytest.raises(CardError, match=r'N\.prototxt: "blob" is " "; expected a name'):
        describe_input(" ", [1, 3, 24, 20], "N.prototxt")
    with pytest.raises(CardError, match=r'N: "outputs\[0\]\.blob" is " "; expected a name'):
        plain_card("N", 3, {" ": [1, 2]})


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    """Readers of JSON differ in which of the two they take."""
    path = tmp_path / "card.json"
    path.write_text(json.dumps(GOOD).replace('"name"', '"name": "x", "name"', 1))
    with pytest.raises(CardError, match=r'card\.json: the key "name" is there twice'):
        read_net_card(path)


def test_a_slip_in_a_key_is_said_and_a_note_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "card.json"
    card = {**GOOD, "crop_margn": 1}
    card["outputs"] = [{**GOOD["outputs"][0], "comment": "mine"}]
    path.write_text(json.dumps(card))
    read_net_card(path)
    assert f'{path}: "crop_margn" is no known key, so it changes nothing. Did you mean "crop_margin"?' in warnings(
        caplog
    )
    assert len(warnings(caplog)) == 1


def test_a_rule_is_said_as_it_was_written() -> None:
    """Braces are no template."""
    assert rule("{x} and {{y}}").message() == "{x} and {{y}}"


# The schema


@pytest.mark.parametrize(("model", "name"), [(NetCard, "net_card"), (ModelCard, "model_card")])
def test_the_schema_in_docs_is_that_of_the_model(model: type[NetCard], name: str) -> None:
    written = (ROOT / f"docs/{name}.schema.json").read_text("utf-8")
    assert written == schema(model), "make it again: python -m common.card"


def test_every_key_of_a_card_is_described() -> None:
    definitions = json.loads(schema(ModelCard))
    for definition in (definitions, *definitions["$defs"].values()):
        assert definition["description"]
        for key, value in definition["properties"].items():
            assert value.get("description"), key


def test_the_runner_can_do_what_a_card_may_ask() -> None:
    """Each choice of the card has its entry in a table of the runner."""
    from inference.answer import READERS
    from inference.tensor import CHANNEL_ORDERS, RESIZES

    fields = NetCard.model_fields
    assert sorted(CHANNEL_ORDERS) == sorted(get_args(fields["channel_order"].annotation)) == sorted(CHANNELS)
    assert sorted(RESIZES) == sorted(get_args(fields["resize"].annotation))
    outputs = get_args(get_args(OutputEntry)[0])
    reads = [read for output in outputs for read in get_args(output.model_fields["read"].annotation)]
    assert sorted(READERS) == sorted(reads)


def test_tasks_and_messages_need_no_pydantic() -> None:
    """The start of every command loads them."""
    script = "import sys, common.tasks, common.errors, common.messages; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_the_hash_is_that_of_the_numbers() -> None:
    mean = np.linspace(0, 255, 3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    assert mean_hash(mean) == hashlib.sha256(mean.tobytes()).hexdigest()
    assert mean_hash(mean.astype(">f4")) == mean_hash(mean)
    assert mean_hash(np.asfortranarray(mean)) == mean_hash(mean)
    assert mean_hash(mean + 1) != mean_hash(mean)
