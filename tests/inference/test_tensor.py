"""From picture to tensor: cropping, resizing, channel order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST
from common.card import ModelCard, read_card
from faces.align import cut
from faces.face import Face, Landmarks
from inference.tensor import to_tensor
from kits.inference import card_of, one_colour, write_card
from kits.training_layers import layer_of
from lmdb_build.__main__ import ROOM as LMDB_BUILD


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return read_card(write_card(tmp_path, card_of()))


def changed(card: ModelCard, **changes: Any) -> ModelCard:
    return card.model_copy(update=changes)


def test_shape_and_layout(card: ModelCard) -> None:
    tensor = to_tensor(one_colour((1, 2, 3), 50, 70), card)
    assert tensor.shape == (1, 3, 24, 20)
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    assert [set(np.unique(plane)) for plane in tensor[0]] == [{1}, {2}, {3}]


def test_height_and_width_are_not_swapped(card: ModelCard) -> None:
    """A picture already of the net's size comes through unchanged, pixel by pixel."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    tensor = to_tensor(picture, card)
    for y, x, c in [(0, 0, 0), (23, 19, 2), (5, 11, 1)]:
        assert tensor[0, c, y, x] == picture[y, x, c]


def test_rgb_card(card: ModelCard) -> None:
    tensor = to_tensor(one_colour((1, 2, 3)), changed(card, channel_order="RGB"))
    assert [int(plane[0, 0]) for plane in tensor[0]] == [3, 2, 1]


def test_grey_card(card: ModelCard) -> None:
    """ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B."""
    grey = changed(card, channel_order="GRAY", input=card.input.model_copy(update={"shape": [1, 1, 24, 20]}))
    for bgr, level in [((255, 0, 0), 29), ((0, 255, 0), 150), ((0, 0, 255), 76)]:
        tensor = to_tensor(one_colour(bgr), grey)
        assert tensor.shape == (1, 1, 24, 20)
        assert set(np.unique(tensor)) == {level}


def test_stretch_is_what_convert_imageset_calls(card: ModelCard) -> None:
    """Caffe calls cv::resize with its default, bilinear; proportions are lost on purpose."""
    picture = np.random.default_rng(1).integers(0, 256, (61, 200, 3), dtype=np.uint8)
    assert np.array_equal(to_tensor(picture, card)[0].transpose(1, 2, 0), cv2.resize(picture, (20, 24)))


def test_the_margin_of_the_card_is_used(card: ModelCard) -> None:
    picture = one_colour((0, 0, 0), 100, 100)
    picture[40:64, 40:60] = 255
    box = (40, 40, 20, 24)
    assert to_tensor(picture, card, box).min() == 255
    wide = to_tensor(picture, changed(card, crop_margin=1.0), box)
    assert np.array_equal(wide, to_tensor(picture[16:88, 20:80], card))
    assert wide.min() == 0


@pytest.mark.parametrize("size", [(25, 27), (24, 20), (20, 20)])
def test_a_net_that_crops_gets_the_bytes_of_phase_test(card: ModelCard, tmp_path: Path, size: tuple[int, int]) -> None:
    """The record of the same picture, cropped by training's Data layer: the rest is odd, even or none."""
    height, width = size
    picture = np.random.default_rng(2).integers(0, 256, (61, 50, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "face.png"), picture)
    (tmp_path / "list.txt").write_text("face.png 1\n")
    sizes = ["--resize_height", str(height), "--resize_width", str(width)]
    LMDB_BUILD.main(["convert_imageset", *sizes, f"{tmp_path}/", str(tmp_path / "list.txt"), str(tmp_path / "lmdb")])
    layer, _ = layer_of(
        'name: "data" type: "Data" top: "data" top: "label" transform_param { crop_size: 20 } '
        f'data_param {{ source: "{tmp_path}/lmdb" backend: LMDB batch_size: 1 }}',
        phase=TEST,
    )
    layer.begin(0)
    record = layer.make(0)[0].numpy()
    taken = {"shape": [1, 3, 20, 20], "crop_size": 20, "resize_to": [height, width]}
    tensor = to_tensor(picture, changed(card, input=card.input.model_copy(update=taken)))
    assert tensor.dtype == np.uint8
    np.testing.assert_array_equal(tensor, record)


def test_an_older_card_of_a_net_that_crops_stretches(card: ModelCard) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (61, 50, 3), dtype=np.uint8)
    older = changed(card, input=card.input.model_copy(update={"shape": [1, 3, 20, 20], "crop_size": 20}))
    assert np.array_equal(to_tensor(picture, older)[0].transpose(1, 2, 0), cv2.resize(picture, (20, 20)))


def test_a_face_of_a_detector_is_cut_as_cut_faces_does(card: ModelCard) -> None:
    """Turned until its eyes are level, with the card's margin, and brought to the net's size."""
    picture = np.random.default_rng(2).integers(0, 256, (120, 130, 3), dtype=np.uint8)
    face = Face((30, 30, 50, 55), 1.0, Landmarks((45, 50), (65, 58)))
    wide = changed(card, crop_margin=0.2)
    expected = cv2.resize(cut(picture, face, 24, 0.2), (20, 24))
    assert np.array_equal(to_tensor(picture, wide, face)[0].transpose(1, 2, 0), expected)
    square = wide.model_copy(update={"input": card.input.model_copy(update={"shape": [1, 3, 20, 20]})})
    assert np.array_equal(to_tensor(picture, square, face)[0].transpose(1, 2, 0), cut(picture, face, 20, 0.2))
    utkface = square.model_copy(update={"eye_level": 0.29})
    assert np.array_equal(to_tensor(picture, utkface, face)[0].transpose(1, 2, 0), cut(picture, face, 20, 0.2, 0.29))


def test_the_eye_level_changes_nothing_where_no_detector_found_the_face(card: ModelCard) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (120, 130, 3), dtype=np.uint8)
    other = changed(card, eye_level=0.29)
    for box in (None, (40, 40, 20, 24)):
        assert np.array_equal(to_tensor(picture, other, box), to_tensor(picture, card, box))
