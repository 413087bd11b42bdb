"""Verb `blob run` on a blob made by hand, which tells the strongest colour of a picture."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kits.commands import Done, run_command
from kits.inference import card_of, colour_blob, one_colour, write_card
from kits.written_blobs import BlobWriter, Given, Made, half

GREEN = (10, 200, 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ColourNet.blob").write_bytes(colour_blob())
    cv2.imwrite(str(tmp_path / "face.png"), one_colour(GREEN))
    return tmp_path


def add_card(folder: Path, **changes: Any) -> None:
    digest = hashlib.sha256((folder / "ColourNet.blob").read_bytes()).hexdigest()
    write_card(folder, card_of(blob={"file": "ColourNet.blob", "sha256": digest}, **changes))


def blob_run(folder: Path, *words: object) -> Done:
    return run_command("ncs", "blob", "run", "ColourNet.blob", "--image", "face.png", *words, folder=folder)


def test_with_a_card_it_answers(folder: Path) -> None:
    add_card(folder)
    done = blob_run(folder)
    assert done.code == 0, done.err
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert lines["colour"].split()[0] == "green"
    assert lines["computed"].endswith("in FP16, as on the chip")


def test_the_cards_order_of_channels_counts(folder: Path) -> None:
    """The classes are blue, green, red; a net that takes RGB has the red of the picture in place of blue."""
    cv2.imwrite(str(folder / "face.png"), one_colour((10, 60, 200)))
    for order, colour in (("BGR", "red"), ("RGB", "blue")):
        add_card(folder, channel_order=order)
        (answer,) = json.loads(blob_run(folder, "--json").out)["answers"]
        assert answer["answer"] == colour


def test_without_a_card_it_gives_numbers(folder: Path) -> None:
    done = blob_run(folder, "--raw", "out.npy", "--wide")
    assert done.code == 0, done.err
    assert "1x3: " in done.out
    assert " at 1" in done.out
    assert "there is no ColourNet.json beside it" in done.out
    found = np.load(folder / "out.npy")
    assert (found.shape, found.dtype) == ((1, 3), np.float32)
    powers = np.exp(np.array(GREEN, np.float32) / 16)
    np.testing.assert_allclose(found[0], powers / powers.sum(), rtol=1e-5)


def test_wide_and_chip_differ_by_rounding(folder: Path) -> None:
    wide, chip = (json.loads(blob_run(folder, "--json", *words).out)["outputs"]["prob"] for words in (["--wide"], []))
    assert wide["shape"] == chip["shape"] == [1, 3]
    assert wide["numbers"] != chip["numbers"]
    assert wide["numbers"] == pytest.approx(chip["numbers"], abs=1e-3)


def test_a_card_of_another_blob_is_refused(folder: Path) -> None:
    add_card(folder)
    (folder / "ColourNet.blob").write_bytes(colour_blob(scale=1 / 8))
    done = blob_run(folder)
    assert done.code == 1
    assert "is not the file that" in done.err or "ColourNet.json" in done.err


def test_a_file_that_is_no_card_only_costs_the_answers(folder: Path) -> None:
    (folder / "ColourNet.json").write_text('{"nn_config": {}}')
    done = blob_run(folder)
    assert done.code == 0, done.err
    assert "So the answers are numbers." in done.out


def test_overflow_is_shown_with_its_stage(folder: Path) -> None:
    # 800 squared is more than FP16 holds, 240 squared is not.
    (folder / "ColourNet.blob").write_bytes(colour_blob(scale=4, power=2))
    done = blob_run(folder)
    assert done.code == 0, done.err
    assert "stage 2 (Power), which makes 1x3, gives 1 numbers that are infinite" in done.out
    (overflow,) = json.loads(blob_run(folder, "--json").out)["overflows"]
    assert overflow == {"stage": 2, "type": "Power", "numbers": 1}
    assert json.loads(blob_run(folder, "--json", "--wide").out)["overflows"] == []


def test_what_it_refuses(folder: Path) -> None:
    (folder / "out.npy").touch()
    for words, message in ((["--raw", "out.txt"], "ends in .npy or .npz"), (["--raw", "out.npy"], "out.npy")):
        done = blob_run(folder, *words)
        assert done.code != 0
        assert message in done.err
    two = BlobWriter().stage(12, bytes(24), [Given(half(1, 3, 4, 5)), Made((1, 3, 4, 5)), Given(half(1, 3, 4, 5))])
    (folder / "ColourNet.blob").write_bytes(two.content())
    done = blob_run(folder)
    assert done.code == 2
    assert '"x1" of 1x3x4x5; --image gives one picture' in done.err
    (folder / "ColourNet.blob").write_bytes(b"no blob")
    assert blob_run(folder).code == 1
