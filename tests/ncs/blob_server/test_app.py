"""The routes of blob_server, and the verb."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from common.errors import UsageError
from kits.operations import model_of
from ncs.__main__ import ROOM
from ncs.blob_server.app import Limits, make_app

FORM = {"name": "net", "myriad_shaves": "4", "myriad_params_advanced": "-ip U8", "data_type": "FP16"}
CONFIG = (
    b"files:\n- name: FP16/net.xml\n  source: {$type: http, url: $REQUEST/net.xml}\n"
    b"- name: FP16/net.bin\n  source: {$type: http, url: $REQUEST/net.bin}\nframework: dldt\n"
)


def client(limits: Limits | None = None, token: str | None = None) -> TestClient:
    return TestClient(make_app(limits or Limits(), token), base_url="http://127.0.0.1", raise_server_exceptions=True)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The form of a request for a small net as IR."""
    import openvino

    model, _ = model_of(["convolution"], 0)
    openvino.serialize(model, tmp_path / "net.xml", tmp_path / "net.bin")
    names = ["net.xml", "net.bin"]
    return {"config": ("model.yml", CONFIG), **{name: (name, (tmp_path / name).read_bytes()) for name in names}}


def test_zoo_and_about() -> None:
    with client() as server:
        assert server.get("/zoo_models?version=2022.1&zoo_type=intel").json()["available"] == []
        assert 'set_defaults(url="http://127.0.0.1"' in server.get("/").text


def test_dry_gives_the_command(files: dict[str, Any]) -> None:
    with client() as server:
        answer = server.post("/compile?version=2022.1&dry=True", data=FORM, files=files)
    assert answer.json() == ["./moka compile --model net.xml --weights net.bin --out out --shaves=4 --streams=1"]


def test_a_damaged_model_is_answered_with_the_commands_words(files: dict[str, Any]) -> None:
    with client() as server:
        answer = server.post("/compile", data=FORM, files={**files, "net.xml": ("net.xml", b"<net")})
    assert answer.status_code == 400
    assert answer.json()["exit_code"] == 1
    assert answer.json()["message"].startswith("error: net.xml: today's OpenVINO cannot read it")


def test_what_is_refused(files: dict[str, Any]) -> None:
    with client() as server:
        wrong = server.post("/compile", data={**FORM, "myriad_shaves": "x"}, files=files)
        assert (wrong.status_code, wrong.json()["exit_code"]) == (400, 2)
        assert server.post("/compile", data=FORM).status_code == 400
        assert server.post("/compile", content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 400
        away = {**files, "net.bin": ("../net.bin", b"")}
        assert server.post("/compile", data=FORM, files=away).status_code == 400
        assert server.post("/compile", data=FORM, files=files, headers={"origin": "http://evil"}).status_code == 403
        assert server.get("/zoo_models", headers={"host": "evil.example"}).status_code == 400


def test_limits(files: dict[str, Any]) -> None:
    with client(Limits(body=1000)) as server:
        large = {**files, "net.bin": ("net.bin", io.BytesIO(b"x" * 5000))}
        answer = server.post("/compile", data=FORM, files=large)
        assert answer.status_code == 413
        assert "--most_mb" in answer.json()["message"]
    with client(Limits(waiting=0)) as server:
        assert server.post("/compile", data=FORM, files=files).status_code == 503
    with client(Limits(seconds=0.05)) as server:
        answer = server.post("/compile", data=FORM, files=files)
        assert (answer.status_code, "was stopped" in answer.json()["message"]) == (400, True)


def test_a_token_stands_in_the_address() -> None:
    with client(token="a-secret-of-20-signs") as server:
        assert server.get("/zoo_models").status_code == 404
        assert server.get("/a-secret-of-20-signs/zoo_models", headers={"host": "pi.local"}).status_code == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "needs a --token"),
        (["--token", "short"], "expected 16"),
        (["--port", "70000"], "expected 0 to 65535"),
        (["--most_mb", "0"], "expected 1"),
        (["--time_limit", "0"], "above 0"),
    ],
)
def test_options(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ROOM.main(["blob_server", *words])


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="try --port 0"):
        ROOM.main(["blob_server", "--port", str(taken.getsockname()[1])])
