"""The worker and its protocol, run for real with OpenVINO's CPU plugin in the stick's place.

What a stick alone can show is not here: nothing in these tests has run on one. tests/oracle/test_inference_stick.py
asks the tool chain's MYRIAD plugin.
"""

from __future__ import annotations

import ast
import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.card import ModelCard, read_cards
from inference import FaceAnalyzer
from inference.devices import myriad, worker_device, workers
from inference.devices.cpu import CpuDevice
from inference.errors import DeviceError
from inference.people import Session
from kits.inference import card_of, one_colour, write_card, write_graph, write_network
from myriad import lock

PYTHON = Path(sys.executable)


def blob_card(name: str, data: bytes) -> dict[str, Any]:
    return card_of(name, blob={"file": f"{name}.blob", "sha256": hashlib.sha256(data).hexdigest()})


def compiled(folder: Path, card: dict[str, Any]) -> bytes:
    """What OpenVINO's CPU plugin exports: as a Myriad blob is to the stick."""
    import openvino as ov

    write_network(folder, card)
    network = ov.Core().compile_model(folder / card["ir"]["xml"], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    exported: bytes = network.export_model().getvalue()
    return exported


def tolerance() -> float:
    """The worker asks for no precision, so a CPU that can computes in bf16."""
    import openvino as ov

    return 2e-2 if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else 1e-5


def tensor_for(card: ModelCard) -> Any:
    return np.random.default_rng(2).integers(0, 256, card.input.shape, dtype=np.uint8)


def test_two_networks_loaded_once_from_their_blobs(tmp_path: Path) -> None:
    for name in ("One", "Two"):
        data = compiled(tmp_path, card_of(name))
        (tmp_path / f"{name}.blob").write_bytes(data)
        write_card(tmp_path, blob_card(name, data))
    cards = read_cards(tmp_path)
    device = myriad.MyriadDevice(cards, PYTHON, "CPU")
    try:
        assert device.sources == {tmp_path / "One.json": "blob", tmp_path / "Two.json": "blob"}
        assert device.runtime.startswith("OpenVINO 20")
        reference = CpuDevice(cards)
        for card in (*cards, *cards):
            values = device.infer(card, tensor_for(card))["prob"].ravel()
            assert values.dtype == np.float32
            assert values == pytest.approx(reference.infer(card, tensor_for(card))["prob"].ravel(), abs=tolerance())
    finally:
        device.close()


@pytest.mark.parametrize("blob", [b"blob of another runtime", None])
def test_without_a_usable_blob_the_ir_is_compiled(tmp_path: Path, blob: bytes | None) -> None:
    write_graph(tmp_path, blob_card("Net", blob) if blob else card_of("Net"))
    if blob:
        (tmp_path / "Net.blob").write_bytes(blob)
    cards = read_cards(tmp_path)
    device = myriad.MyriadDevice(cards, PYTHON, "CPU")
    try:
        assert device.sources == {tmp_path / "Net.json": "xml"}
        assert device.infer(cards[0], tensor_for(cards[0]))["prob"].sum() == pytest.approx(1, abs=1e-5)
    finally:
        device.close()


def test_a_runtime_without_the_plugin(tmp_path: Path) -> None:
    """Today's OpenVINO knows no MYRIAD; the user is told which one does."""
    with pytest.raises(DeviceError, match=r"This OpenVINO cannot drive a stick .*Expected 2021\.4\.2"):
        myriad.MyriadDevice(read_cards(write_graph(tmp_path)), PYTHON)


def refusals(folder: Path) -> dict[str, str]:
    """Card -> why its network was not loaded."""
    device = myriad.MyriadDevice(read_cards(folder), PYTHON, "CPU")
    device.close()
    return {path.name: str(error) for path, error in device.refused.items()}


def test_a_blob_that_is_not_the_cards(tmp_path: Path) -> None:
    write_graph(tmp_path, blob_card("Net", b"right"), card_of("Other"))
    assert "Net.blob: cannot be read (No such file" in refusals(tmp_path)["Net.json"]
    (tmp_path / "Net.blob").write_bytes(b"wrong")
    assert f"Net.blob: is not the file that {tmp_path}/Net.json describes" in refusals(tmp_path)["Net.json"]


def test_a_network_that_is_not_the_cards(tmp_path: Path) -> None:
    write_graph(tmp_path, card_of("Other"))
    write_network(tmp_path, card_of("Net"))
    given = {"blob": "data", "shape": [1, 3, 48, 48], "layout": "NCHW", "precision": "U8"}
    write_card(tmp_path, card_of("Net", input=given))
    (reason,) = refusals(tmp_path).values()
    assert 'takes "data" of 1x3x24x20 and gives prob' in reason
    assert 'describes "data" of 1x3x48x48' in reason


def test_a_network_that_the_stick_refuses(tmp_path: Path) -> None:
    write_graph(tmp_path, card_of("Net"), card_of("Other"))
    (tmp_path / "Net.xml").write_text("<net/>")
    (reason,) = refusals(tmp_path).values()
    assert "Net.xml: The stick's OpenVINO says: " in reason


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    cards = read_cards(write_graph(tmp_path))
    device = myriad.MyriadDevice(cards, PYTHON, "CPU")
    before = device.infer(cards[0], tensor_for(cards[0]))["prob"]
    os.kill(device._workers._workers[0].pid, signal.SIGKILL)
    after = device.infer_many(cards[0], [tensor_for(cards[0])] * 20)
    assert len(after) == 20
    assert all((values["prob"] == before).all() for values in after)
    device.close()


def test_a_folder_of_pictures_goes_on_where_a_worker_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole road from files to answers, with threads; the process is killed twice, whatever it is doing."""
    monkeypatch.setattr(workers, "PAUSE", 0.01)
    colours = {"blue": (220, 40, 40), "green": (40, 220, 40), "red": (40, 40, 220)}
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    expected = []
    for number in range(24):
        name = list(colours)[number % 3]
        cv2.imwrite(str(pictures / f"{number:02}.png"), one_colour(colours[name]))
        expected.append((f"{number:02}.png", name))
    found = []
    with FaceAnalyzer(write_graph(tmp_path / "graph"), "CPU", detector="none") as analyzer:
        analyzer.runner.device.close()
        device = analyzer.runner.device = myriad.MyriadDevice(analyzer.runner.cards, PYTHON, "CPU")
        for frame, analysis in Session(analyzer, [str(pictures)]):
            found.append((Path(frame.name).name, analysis.faces[0].answers[0].text))
            if len(found) in (3, 11):
                os.kill(device._workers._workers[0].pid, signal.SIGKILL)
    assert found == expected


def test_a_worker_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_device, "LOAD_SECONDS", 0.5)
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    with pytest.raises(DeviceError, match=r"The stick gave no answer in 0\.5 s"):
        myriad.MyriadDevice(read_cards(write_graph(tmp_path)), silent)


@pytest.mark.parametrize(
    ("text", "words"), [("#!/bin/sh\necho no numpy here >&2; exit 3\n", "exit code 3.\n  no numpy here")]
)
def test_a_python_that_cannot_run_it(tmp_path: Path, text: str, words: str) -> None:
    broken = tmp_path / "python"
    broken.write_text(text)
    broken.chmod(0o755)
    with pytest.raises(DeviceError, match=words):
        myriad.MyriadDevice(read_cards(write_graph(tmp_path)), broken)


def test_a_lock_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK", tmp_path / "mvnc.mutex")
    (tmp_path / "mvnc.mutex").symlink_to("mvnc.mutex")
    ended = tmp_path / "python"
    ended.write_text("#!/bin/sh\nexit 1\n")
    ended.chmod(0o755)
    with pytest.raises(DeviceError, match=r"mvnc\.mutex: the lock file .* delete it while no stick is in use"):
        myriad.MyriadDevice(read_cards(write_graph(tmp_path)), ended)


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_bytes(b"\0\1\2")
    broken.chmod(0o755)
    with pytest.raises(DeviceError, match=r"does not start \(Exec format error\)"):
        myriad.MyriadDevice(read_cards(write_graph(tmp_path)), broken)


def test_errors_of_the_stick_in_human_words() -> None:
    """The texts are those of OpenVINO 2021.4.2's plugin, measured."""
    told = myriad.explain("Can not init Myriad device: NC_ERROR")
    for word in ("NC_ERROR", "cable", "power of the hub", "tools/97-moka-myriad.rules", "03e7:2485", "03e7:f63b"):
        assert word in told
    assert "\n" not in told
    missing = "Failed to create plugin libmyriadPlugin.so: libusb-1.0.so.0: cannot open shared object file"
    assert "apt install libusb-1.0-0" in myriad.explain(missing)
    assert myriad.explain("something else") == "The stick's OpenVINO says: something else"


def test_the_worker_is_python_3_6() -> None:
    """It runs in the tool chain's old Python, so newer syntax would break it there."""
    ast.parse(myriad.WORKER.read_text("utf-8"), feature_version=(3, 6))


def test_our_pythonpath_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a Python of the user's choice it may come from that OpenVINO's setupvars.sh, and is needed."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$PYTHONPATH" >"{tmp_path}/found"\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    cards = read_cards(write_graph(tmp_path / "graph"))
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.delenv(myriad.VARIABLE, raising=False)
    myriad.MyriadDevice(cards, python, "CPU").close()
    assert (tmp_path / "found").read_text() == "\n"
    monkeypatch.setenv(myriad.VARIABLE, str(python))
    myriad.MyriadDevice(cards, device="CPU").close()
    assert (tmp_path / "found").read_text() == "/somewhere\n"
