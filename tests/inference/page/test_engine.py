"""The device behind the page: refused pictures, silence, turns."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from inference.errors import DeviceError
from inference.page import engine
from kits.page import client_of, make_page, photo

PNG = {"content-type": "image/png"}


def test_a_device_that_refuses_is_no_longer_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = make_page(tmp_path)

    def refuse(picture: object) -> None:
        raise DeviceError("the stick is gone. Plug it in.")

    with client_of(page) as client, monkeypatch.context() as patched:
        patched.setattr(page.engine.analyzer, "analyze", refuse)
        answer = client.post("/analyze", content=photo(), headers=PNG)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the stick is gone. Plug it in.")
        unwell = client.get("/healthz")
        assert (unwell.status_code, unwell.json()["detail"]) == (503, "the stick is gone. Plug it in.")
        patched.undo()
        assert client.post("/analyze", content=photo(), headers=PNG).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_a_device_that_is_silent_is_not_healthy_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SILENT_SECONDS", 0.05)
    page = make_page(tmp_path)
    answer, begun, go_on = page.engine.analyzer.analyze, threading.Event(), threading.Event()

    def wait(picture: object) -> object:
        begun.set()
        go_on.wait(30)
        return answer(picture)  # type: ignore[arg-type]

    monkeypatch.setattr(page.engine.analyzer, "analyze", wait)
    with client_of(page) as client:
        sender = threading.Thread(target=client.post, args=("/analyze",), kwargs={"content": photo(), "headers": PNG})
        sender.start()
        assert begun.wait(30)
        go_on.wait(0.1)
        unwell = client.get("/healthz")
        go_on.set()
        sender.join(30)
        assert (unwell.status_code, "has said nothing" in unwell.json()["detail"]) == (503, True)
        assert client.get("/healthz").status_code == 200
