"""The model card: what is read, and what each wrong one is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import CardError
from inference.card import check_file, read_card, read_cards
from kits.inference import card_of, write_card

HASH = "0123456789abcdef" * 4


def test_a_card_as_the_compiler_writes_it(tmp_path: Path) -> None:
    blob = {"file": "AgeNet.blob", "openvino": "2021.4.2", "shaves": 8, "cmx_slices": 8, "sha256": HASH, "bytes": 9}
    mean = {"inside": True, "kind": "image", "sha256": HASH, "channel_means": [1, 2, 3]}
    card = read_card(write_card(tmp_path, card_of("AgeNet", blob=blob, mean=mean)))
    assert (card.name, card.shape, card.channel_order, card.resize) == ("AgeNet", (1, 3, 24, 20), "BGR", "stretch")
    assert (card.xml, card.bin, card.blob) == tuple(tmp_path / f"AgeNet.{kind}" for kind in ("xml", "bin", "blob"))
    assert card.hashes == {tmp_path / "AgeNet.blob": HASH}
    assert (card.mean_kind, card.mean_sha256) == ("image", HASH)
    (output,) = card.outputs
    assert (output.blob, output.task, output.classes, output.size) == ("prob", "colour", ("blue", "green", "red"), 3)


def test_bins_grey_and_no_blob(tmp_path: Path) -> None:
    outputs = [{"blob": "p", "task": "age", "read": "expected_value", "bins": [0, 1, 2.5]}]
    given = {"blob": "data", "shape": [1, 1, 48, 48], "layout": "NCHW", "precision": "U8"}
    card = read_card(write_card(tmp_path, card_of(outputs=outputs, input=given, channel_order="GRAY")))
    assert card.outputs[0].bins == (0.0, 1.0, 2.5)
    assert card.outputs[0].size == 3
    assert card.blob is None


def test_a_net_of_two_inputs_is_refused_with_the_way_out(tmp_path: Path) -> None:
    one = card_of("Pair")
    card = {**one, "inputs": [one["input"], {**one["input"], "blob": "data_p"}]}
    with pytest.raises(
        CardError, match=r"Pair\.json: its network takes 2 inputs.*one picture.*Take it out of this folder"
    ):
        read_card(write_card(tmp_path, card))


def test_cards_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("GenderNet", "AgeNet", "SmileNet"):
        write_card(tmp_path, card_of(name))
    assert [card.name for card in read_cards(tmp_path)] == ["AgeNet", "GenderNet", "SmileNet"]


def _set(card: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
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


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", ..., ['"format" is missing', "wanted 1"]),
        ("format", 2, ['"format" is 2', "wanted 1"]),
        ("format", True, ['"format" is true']),
        ("name", "", ['"name" is ""', "wanted a name"]),
        ("input", "data", ['"input.shape" is missing']),
        ("input.shape", [3, 24, 20], ['"input.shape" is [3, 24, 20]', "wanted [1, channels, height, width]"]),
        ("input.shape", [2, 3, 24, 20], ['"input.shape"']),
        ("input.shape", [1, 3, 24, "20"], ['"input.shape"']),
        ("input.shape", [1, 1, 24, 20], ['"input.shape"', "wanted 3 channels, for channel_order is BGR"]),
        ("input.layout", "NHWC", ['"input.layout" is "NHWC"', "wanted NCHW"]),
        ("input.precision", "FP16", ['"input.precision" is "FP16"', "wanted U8"]),
        ("channel_order", "bgr", ['"channel_order" is "bgr"', "known are BGR, GRAY, RGB", "did you mean BGR"]),
        ("channel_order", ["BGR"], ['"channel_order"', "known are"]),
        ("resize", "strech", ['"resize" is "strech"', "did you mean stretch"]),
        ("crop_margin", -0.5, ['"crop_margin" is -0.5', "above -0.5"]),
        ("crop_margin", "0", ['"crop_margin" is "0"']),
        ("mean.kind", "pixel", ['"mean.kind" is "pixel"', "known are image, none, values"]),
        ("mean.sha256", "abc", ['"mean.sha256" is "abc"', "64 hexadecimal digits"]),
        ("mean", {"inside": False, "kind": "image", "sha256": None}, ['"mean.inside" is false', "wanted true"]),
        ("outputs", [], ['"outputs" is []']),
        ("outputs.0.read", "max", ['"outputs[0].read" is "max"', "known are argmax, expected_value"]),
        ("outputs.0.blob", ..., ['"outputs[0].blob" is missing']),
        ("outputs.0.classes", ["one"], ['"outputs[0].classes" is ["one"]', "at least two"]),
        ("outputs.0.classes", ["a", "b", "a"], ['"outputs[0].classes"', "different"]),
        ("outputs.0.classes", ..., ['"outputs[0].classes" is missing']),
        ("outputs.0.read", "expected_value", ['"outputs[0].bins" is missing']),
        ("ir.xml", "../AgeNet.xml", ['"ir.xml" is "../AgeNet.xml"', "a file name"]),
        ("ir.bin", ..., ['"ir.bin" is missing', "a file name"]),
        ("ir.bin_sha256", "abc", ['"ir.bin_sha256" is "abc"', "64 hexadecimal digits"]),
        ("blob", "AgeNet.blob", ['"blob" is "AgeNet.blob"', "an object or null"]),
        ("blob", {"file": "A.blob"}, ['"blob.sha256" is missing']),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, key: str, value: Any, words: list[str]) -> None:
    path = write_card(tmp_path, card_of())
    path.write_text(json.dumps(_set(card_of(), key, value)), "utf-8")
    with pytest.raises(CardError) as caught:
        read_cards(tmp_path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message


def test_a_file_of_another_compile(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"ColourNet.{kind}" for kind in ("xml", "bin")}
    for kind, file in files.items():
        file.write_text(kind)
    ir = {f"{kind}_sha256": hashlib.sha256(kind.encode()).hexdigest() for kind in files}
    card = read_card(write_card(tmp_path, card_of(ir={**card_of()["ir"], **ir})))
    for file in files.values():
        check_file(card, file)
        file.write_text("of another compile")
        with pytest.raises(CardError, match=rf"{file.name}: is not the file that .*ColourNet\.json describes.*--force"):
            check_file(card, file)
        file.unlink()
        with pytest.raises(CardError, match=rf"{file.name}: cannot be read .No such file"):
            check_file(card, file)
    files["bin"].write_text("anything")  # a card that tells no hash, for the IR of another tool
    check_file(read_card(write_card(tmp_path, card_of())), files["bin"])


def test_two_outputs_of_one_blob(tmp_path: Path) -> None:
    outputs = card_of()["outputs"] * 2
    with pytest.raises(CardError, match=r'"outputs\[1\].blob" is "prob"; wanted each output blob once'):
        read_card(write_card(tmp_path, card_of(outputs=outputs)))


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[1]", "a JSON object"), ("", "is not JSON")])
def test_a_damaged_card(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "AgeNet.json").write_text(text)
    with pytest.raises(CardError, match=words):
        read_cards(tmp_path)


def test_a_card_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "AgeNet.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match="is not JSON"):
        read_cards(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_no_cards_says_what_to_type(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(CardError) as caught:
        read_cards(tmp_path / name)
    if name != "file":
        assert "./compile2Movidius.sh" in str(caught.value)
        assert "./demo.sh" in str(caught.value)
