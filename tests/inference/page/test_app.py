"""The routes, called in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.page.app import STATIC
from inference.page.settings import Limits
from kits.inference import one_colour
from kits.page import answer_of, client_of, encoded, make_page, photo


def form_of(disposition: str) -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\nA\r\n--x--".encode()


def test_a_photograph_is_answered_about(tmp_path: Path) -> None:
    picture = one_colour((0, 0, 0), 100, 300)
    picture[20:80, 20:80], picture[20:80, 200:260] = (40, 40, 220), (220, 40, 40)
    with client_of(make_page(tmp_path)) as client:
        sent = client.post("/analyze", content=encoded(picture), headers={"content-type": "image/png"})
        form = client.post("/analyze", files={"picture": ("../../x", encoded(picture), "image/png")})
    assert (sent.status_code, form.status_code) == (200, 200)
    assert answer_of(sent) == answer_of(form) == ["red", "blue"]
    content = sent.json()
    assert content["faces"][0]["box"] == {"left": 20, "top": 20, "width": 60, "height": 60}
    assert (content["width"], content["height"], content["device"]["name"]) == (300, 100, "CPU")
    assert set(content["milliseconds"]) >= {"detect", "prepare", "compute"}


def test_a_picture_without_a_face_has_none(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path, faces=())) as client:
        answer = client.post("/analyze", content=photo(), headers={"content-type": "image/png"})
    assert (answer.status_code, answer.json()["faces"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"", "image/png", 422, "empty"),
        (b"no picture at all", "image/png", 422, "not a picture"),
        (photo(kind=".jpg")[:-40], "image/jpeg", 422, "cut short"),
        (photo(8, 8), "image/png", 422, "8x8 pixels, expected at least 16x16"),
        (photo(400, 200), "image/png", 422, "PNG of 400x200 pixels, but this page takes at most 50000"),
        (photo(), "text/html", 415, "text/html"),
        (photo(), "multipart/form-data", 400, "boundary"),
        (form_of('name="other"; filename="a"'), "multipart/form-data; boundary=x", 422, "picture"),
        (form_of('name="picture"'), "multipart/form-data; boundary=x", 400, "Too many fields"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, body: bytes, kind: str, status: int, words: str) -> None:
    with client_of(make_page(tmp_path, limits=Limits(pixels=50_000))) as client:
        answer = client.post("/analyze", content=body, headers={"content-type": kind})
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
        # It goes on.
        assert client.post("/analyze", content=photo(), headers={"content-type": "image/png"}).status_code == 200


def test_the_page_says_what_it_runs_on(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        status = client.get("/status").json()
        assert client.get("/healthz").json() == {"status": "ok", "problem": ""}
    assert (status["networks"], status["source"], status["capture"]) == (["ColourNet"], "", "")
    assert status["device"]["why"] == "asked for"


def test_the_files_of_the_page(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        for path, (_, kind) in STATIC.items():
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert client.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        assert "http://" not in client.get("/").text.replace("http://localhost", "")
        assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
        for path in ("/docs", "/redoc", "/static/index.html", "/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd"):
            assert client.get(path).status_code == 404


def test_figures_for_prometheus(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        client.post("/analyze", content=photo(), headers={"content-type": "image/png"})
        client.get("/no/such/path")
        text = client.get("/metrics").text
    assert "moka_pictures_total 1.0" in text
    assert "moka_faces_total 2.0" in text
    assert 'moka_requests_total{method="POST",route="/analyze",status="200"} 1.0' in text
    assert 'moka_requests_total{method="GET",route="other",status="404"} 1.0' in text
    assert 'moka_step_seconds_count{step="detect"} 1.0' in text
    assert "no/such" not in text


def test_more_pictures_than_may_wait(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path, limits=Limits(waiting=0))) as client:
        answer = client.post("/analyze", content=photo(), headers={"content-type": "image/png"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_fault_of_ours_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = make_page(tmp_path)
    monkeypatch.setattr(page.engine, "_analyze", lambda picture: np.zeros(1).reshape(7))
    with client_of(page) as client:
        answer = client.post("/analyze", content=photo(), headers={"content-type": "image/png"})
    assert (answer.status_code, answer.json()) == (500, {"detail": "This is a fault in Moka. Its log has the reason."})
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert "POST /analyze: cannot reshape" in caplog.text


def test_what_was_sent_does_not_come_back(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        for body in ('{"token": 5, "x": "very-secret"}', '{"token": "very-secret"', "[]"):
            answer = client.post("/session", content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, type(answer.json()["detail"])) == (422, str)
            assert "very-secret" not in answer.text
