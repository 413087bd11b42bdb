"""One set of pictures through every command that decodes pictures: all follow the rules of docs/pictures.md."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import Datum
from caffe_io.datum import datum_to_array, parse_datum
from common.errors import MokaError
from faces.pictures import read_picture
from kits.lmdb_build import verb
from kits.pictures import Pixels, Shown, write_pictures
from kits.training_layers import layer_of
from lmdb_build.lists import Entry, read_list
from lmdb_build.records import Recipe, make_record
from training.pycaffe.io import load_image

Door = Callable[[Path, bool], Pixels]


def convert(path: Path, grey: bool) -> Pixels:
    record = make_record(str(path), Entry(path.name, 0), Recipe(gray=grey))
    return picture(datum_to_array(parse_datum(record.value)))


def convert_encoded(path: Path, grey: bool) -> Pixels:
    """Store the file's own bytes, and decode them as a Data layer with force_color or force_gray does."""
    record = make_record(str(path), Entry(path.name, 0), Recipe(encoded=True))
    datum = Datum.FromString(record.value)
    assert datum.encoded
    assert datum.data == path.read_bytes()
    return picture(datum_to_array(datum, color=not grey))


def image_data(path: Path, grey: bool) -> Pixels:
    (path.parent / "list").write_text(f"{path} 1\n")
    settings = f'source: "{path.parent}/list" batch_size: 1 is_color: {str(not grey).lower()}'
    layer, _ = layer_of(f'type: "ImageData" top: "d" top: "l" image_data_param {{ {settings} }}')
    found = layer.forward([])[0][0].numpy().astype(np.uint8)
    layer.close()
    return picture(found)


def runner(path: Path, grey: bool) -> Pixels:
    read = read_picture(path)
    if not grey:
        return read
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2GRAY), np.uint8)


def picture(planes: np.ndarray) -> Pixels:
    return np.asarray(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0), np.uint8)


DOORS: dict[str, Door] = {
    "convert_imageset": convert,
    "convert_imageset --encoded": convert_encoded,
    "ImageData": image_data,
    "runner": runner,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_every_picture_is_the_same_at_every_door(tmp_path: Path, door: str, grey: bool) -> None:
    for name, shown in write_pictures(tmp_path).items():
        expected = shown.grey if grey else shown.colour
        if expected is None:
            with pytest.raises(MokaError, match="which Caffe does not read"):
                DOORS[door](tmp_path / name, grey)
            continue
        found = DOORS[door](tmp_path / name, grey)
        assert found.shape == expected.shape, name
        # A decoder makes grey of a picture in its own way, a level beside the formula; a JPEG has its grey inside.
        nearly = 0 if not grey else 6 if name.endswith("jpg") else 1
        assert np.abs(found.astype(int) - expected).max() <= nearly, name


def test_load_image_follows_pycaffe_where_that_differs(tmp_path: Path) -> None:
    """skimage blends transparency over white before it makes grey."""
    shown = write_pictures(tmp_path)
    for name in ("plain.png", "plain.jpg", "mark.jpg", "mark.png", "mark.tif", "clear.png", "grey.png"):
        # skimage turns no TIFF.
        expected = shown["plain.png" if name == "mark.tif" else name].colour
        assert expected is not None
        found = load_image(tmp_path / name)
        assert np.abs(found * 255 - expected[..., ::-1]).max() < 0.01, name
    clear = cv2.imread(str(tmp_path / "clear.png"), cv2.IMREAD_UNCHANGED).astype(float) / 255
    white = clear[..., :3] * clear[..., 3:] + 1 - clear[..., 3:]
    grey = white @ [0.0721, 0.7154, 0.2125]
    assert np.abs(load_image(tmp_path / "clear.png", color=False)[..., 0] - grey).max() < 0.01


def test_a_data_layer_without_force_color_keeps_channels_and_does_not_turn(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    shapes = {}
    for name in ("mark.jpg", "clear.png", "grey.png"):
        shapes[name] = datum_to_array(Datum(encoded=True, data=(tmp_path / name).read_bytes())).shape
    assert shapes == {"mark.jpg": (3, 24, 32), "clear.png": (4, 24, 32), "grey.png": (1, 24, 32)}


def test_build_dataset_takes_the_same_pictures_and_draws_copies_of_what_convert_imageset_sees(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: dict[str, Shown] = {}
    for number, (name, expected) in enumerate(write_pictures(working_folder / "set").items()):
        # The endings of UTKFace; what a file is, its bytes say.
        face = f"{20 + 10 * (number % 2)}_0_2_2017{number:03d}.png"
        (working_folder / "faces").mkdir(exist_ok=True)
        shutil.copy(working_folder / "set" / name, working_folder / "faces" / face)
        shown[face] = expected
    verb("build_dataset")(["--images", "faces", "--split", "0.5"])
    left_out = {line.split(": ")[1] for line in capsys.readouterr().err.splitlines() if line.startswith("left out: ")}
    assert left_out == {name for name, expected in shown.items() if expected.colour is None}
    copies = [entry.path for entry in read_list("data/DEF/age_train.txt") if "flip" in entry.path]
    assert copies
    for path in copies:
        original = shown[Path(path).name.partition(".flip")[0]].colour
        assert original is not None
        drawn = cv2.imencode(".jpg", original[:, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        assert Path(path).read_bytes() == drawn, path
