"""The runner as a library: right answers for right pictures, whatever the card says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import inference
from common.card import ModelCard
from common.commands import LOGGER
from common.errors import MokaError
from inference import CardError, DeviceError, PictureError, Runner, UsageError
from kits.inference import COLOURS, card_of, one_colour, sysfs_with, write_card, write_graph, write_network

BGR = {"blue": (220, 40, 40), "green": (40, 220, 40), "red": (40, 40, 220)}


@pytest.mark.parametrize("order", ["BGR", "RGB"])
def test_colours_come_through_unswapped(tmp_path: Path, order: str) -> None:
    """A net of the other channel order has its classes in the other order; a swap anywhere would give wrong names."""
    classes = COLOURS if order == "BGR" else COLOURS[::-1]
    outputs = [{"blob": "prob", "task": "colour", "read": "argmax", "classes": classes}]
    with Runner(write_graph(tmp_path, card_of(channel_order=order, outputs=outputs)), "CPU") as runner:
        for name, bgr in BGR.items():
            (answer,) = runner.answer(one_colour(bgr)).answers
            assert answer.text == name
            expected = np.exp(180 / 16) / (np.exp(180 / 16) + 2)  # the soft-max of (220, 40, 40) / 16
            assert answer.probability == pytest.approx(expected, abs=1e-4)


def test_all_networks_of_the_folder_in_order_of_name(tmp_path: Path) -> None:
    bins = [{"blob": "p", "task": "year", "read": "expected_value", "bins": [10, 20, 30]}]
    two = [
        {"blob": "x", "task": "x", "read": "argmax", "classes": COLOURS},
        {"blob": "a", "task": "a", "read": "argmax", "classes": COLOURS},
    ]
    other = {"blob": "image", "shape": [1, 3, 16, 40], "layout": "NCHW", "precision": "U8"}
    graph = write_graph(
        tmp_path,
        card_of("Beta", input=other, outputs=two),
        card_of("Alpha", outputs=bins),
    )
    with Runner(graph, "CPU") as runner:
        result = runner.answer(one_colour(BGR["red"]))
        assert [(a.network, a.task, a.text) for a in result.answers] == [
            ("Alpha", "year", "30.0"),
            ("Beta", "x", "red"),
            ("Beta", "a", "red"),
        ]
        assert list(result.preprocess) == list(result.inference) == ["Alpha", "Beta"]
        assert all(ms > 0 for ms in [*result.preprocess.values(), *result.inference.values()])
        assert runner.load > 0
        assert runner.warm_up > 0


def test_two_networks_of_one_name_each_answer_for_themselves(tmp_path: Path) -> None:
    """The second card was copied from the first, and its name left as it was."""
    for file, classes in (("age", ["a", "b", "c"]), ("sex", ["x", "y", "z"])):
        outputs = [{"blob": "prob", "task": "t", "read": "argmax", "classes": classes}]
        shape = [1, 3, 24, 20] if file == "age" else [1, 3, 8, 8]
        card = card_of(file, outputs=outputs, input={**card_of()["input"], "shape": shape})
        write_network(tmp_path, card)
        (tmp_path / f"{file}.json").write_text(json.dumps({**card, "name": "AgeNet"}))
    with Runner(tmp_path, "CPU") as runner:
        result = runner.answer(one_colour(BGR["red"]))
    answers = [(answer.network, answer.text) for answer in result.answers]
    assert answers == [("AgeNet (age.json)", "c"), ("AgeNet (sex.json)", "z")]
    assert list(result.inference) == ["AgeNet (age.json)", "AgeNet (sex.json)"]


def left_out(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def test_a_network_that_cannot_be_loaded_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_graph(tmp_path, card_of("Good"), card_of("Cut"))
    (tmp_path / "Cut.xml").write_bytes(b"")
    with Runner(tmp_path, "CPU") as runner:
        assert [card.name for card in runner.cards] == ["Good"]
        assert [answer.text for answer in runner.answer(one_colour(BGR["red"])).answers] == ["red"]
    assert len(left_out(caplog)) == 1
    assert left_out(caplog)[0].startswith(f"left out: {tmp_path}/Cut.xml: OpenVINO cannot read it")


def test_outputs_that_are_no_probabilities_are_found_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = card_of("Bad", outputs=[{**card_of()["outputs"][0], "classes": ["a", "b"]}])
    write_graph(tmp_path, card_of("Good"))
    write_network(tmp_path, card_of("Bad"))
    write_card(tmp_path, bad)
    with Runner(tmp_path, "CPU") as runner:
        assert [card.name for card in runner.cards] == ["Good"]
    assert 'Bad.json: output "prob" gives 3 values; the card describes 2 classes' in left_out(caplog)[0]
    (tmp_path / "Good.json").unlink()
    with pytest.raises(CardError, match="gives 3 values"):
        Runner(tmp_path, "CPU")


def test_an_answer_that_fails_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A network whose numbers overflow for some pictures."""
    write_graph(tmp_path, card_of("Good"), card_of("Odd"))
    with Runner(tmp_path, "CPU") as runner:
        infer_many = runner.device.infer_many

        def overflow(card: ModelCard, tensors: Sequence[NDArray[np.uint8]]) -> list[Mapping[str, NDArray[np.float32]]]:
            odd = [{"prob": np.full(3, np.nan, np.float32)} for _ in tensors]
            return list(odd) if card.name == "Odd" else infer_many(card, tensors)

        runner.device.infer_many = overflow  # type: ignore[method-assign]
        assert [answer.network for answer in runner.answer(one_colour(BGR["red"])).answers] == ["Good"]
        assert "Odd.json: output" in left_out(caplog)[0]
        runner.cards = runner.cards[1:]
        with pytest.raises(CardError, match=r'Odd\.json: output "prob" gives nan'):
            runner.answer(one_colour(BGR["red"]))


def test_a_box_says_where_the_face_is(tmp_path: Path) -> None:
    picture = one_colour(BGR["blue"], 100, 100)
    picture[60:80, 20:40] = BGR["red"]
    with Runner(write_graph(tmp_path), "CPU") as runner:
        assert runner.answer(picture).answers[0].text == "blue"
        assert runner.answer(picture, box=(20, 60, 20, 20)).answers[0].text == "red"


def test_all_faces_of_a_picture_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More faces than are in memory at a time, of three colours."""
    monkeypatch.setattr("inference.runner.MOST_AT_ONCE", 5)
    picture = one_colour(BGR["blue"], 100, 120)
    picture[:, 40:80], picture[:, 80:] = BGR["green"], BGR["red"]
    places = [number % 3 for number in range(13)]
    with Runner(write_graph(tmp_path, card_of("One"), card_of("Two")), "CPU", hint="throughput") as runner:
        results = runner.answer_all(picture, [(40 * place, number, 40, 40) for number, place in enumerate(places)])
        assert [[answer.text for answer in result.answers] for result in results] == [[COLOURS[p]] * 2 for p in places]
        assert all(list(result.inference) == list(result.preprocess) == ["One", "Two"] for result in results)
        assert runner.answer_all(picture, []) == []


def test_networks_share_the_tensors_of_a_face_only_if_their_cards_ask_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    make = inference.runner.to_tensor

    def counted(picture: NDArray[np.uint8], card: ModelCard, face: object) -> NDArray[np.uint8]:
        made.append(card.name)
        return make(picture, card, face)  # type: ignore[arg-type]

    monkeypatch.setattr(inference.runner, "to_tensor", counted)
    other = [
        card_of("Margin", crop_margin=0.2),
        card_of("Order", channel_order="RGB"),
        card_of("Raised", eye_level=0.29),
    ]
    with Runner(write_graph(tmp_path, card_of("A"), card_of("B"), *other), "CPU") as runner:
        results = runner.answer_all(one_colour(BGR["red"]), [(0, 0, 20, 20), (5, 5, 30, 30)])
    assert made == ["A", "A", "Margin", "Margin", "Order", "Order", "Raised", "Raised"]
    colours = [[answer.text for answer in result.answers] for result in results]
    assert colours == [["red", "red", "red", "blue", "red"]] * 2


def test_a_face_beyond_the_picture_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Runner(write_graph(tmp_path), "CPU") as runner:
        first, second = runner.answer_all(one_colour(BGR["red"]), [(900, 900, 20, 20), None])
        assert (first.answers, [answer.text for answer in second.answers]) == ((), ["red"])
        assert len(left_out(caplog)) == 1
        with pytest.raises(UsageError):
            runner.answer_all(one_colour(BGR["red"]), [(900, 900, 20, 20)])


def test_auto_says_what_and_why(tmp_path: Path) -> None:
    with Runner(write_graph(tmp_path / "graph"), sysfs=sysfs_with(tmp_path / "sys")) as runner:
        assert runner.device.name == "CPU"
        assert runner.why.startswith("no Movidius stick on USB")


def test_no_stick(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no Movidius stick on USB"):
        Runner(write_graph(tmp_path / "graph"), "MYRIAD", sysfs=sysfs_with(tmp_path / "sys"))


def test_what_is_no_picture(tmp_path: Path) -> None:
    with Runner(write_graph(tmp_path), "CPU") as runner, pytest.raises(PictureError):
        runner.answer(np.zeros((1, 1, 3), np.uint8))


def test_no_graph(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"\./demo\.sh"):
        Runner(tmp_path)


def test_the_face_of_the_room() -> None:
    assert inference.__all__ == sorted(inference.__all__)
    for name in inference.__all__:
        assert getattr(inference, name) is not None
    errors = [getattr(inference, name) for name in inference.__all__ if name.endswith("Error")]
    assert all(issubclass(error, MokaError) for error in errors)
    assert {error: error.exit_code for error in errors if error.exit_code != 1} == {inference.UsageError: 2}


def test_starting_up_is_light_and_no_other_room_is_needed() -> None:
    """On a Raspberry Pi each of these imports takes a second or more; --help and errors need none of them."""
    heavy = (
        "{'numpy', 'cv2', 'openvino', 'torch', 'google.protobuf', 'caffe_io', 'ncs', 'training', 'lmdb_build', 'tools'}"
    )
    script = f"import sys, inference, inference.command; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.strip() == "[]"
