"""Captures in a folder, and on an S3 server in this process."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference import UsageError
from inference.page.capture import Captures
from kits.page import client_of, encoded, make_page, moving, photo

PNG = {"content-type": "image/png"}


def test_a_photograph_and_its_answers_go_to_a_folder(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path, capture=str(tmp_path / "new/captures"))) as client:
        done = client.post("/capture", content=photo(), headers=PNG)
    assert done.status_code == 200, done.text
    picture, answers = map(Path, done.json()["written"])
    assert sorted(each.name for each in (tmp_path / "new/captures").iterdir()) == [picture.name, answers.name]
    content = json.loads(answers.read_text("utf-8"))
    assert (content["picture"], content["source"], len(content["faces"])) == (picture.name, "sent", 2)
    assert content["faces"][0]["answers"][0]["answer"] == "green"
    seen = cv2.imread(str(picture))
    assert (seen.shape, np.abs(seen.astype(int) - (40, 220, 40)).max() < 4) == ((100, 300, 3), True)


def test_no_metadata_is_kept(tmp_path: Path) -> None:
    jpeg = encoded(np.full((100, 300, 3), 90, np.uint8), ".jpg")
    secret = b"Exif\0\0II*\0\x08\0\0\0\0\0 taken at 48.8584 N 2.2945 E"
    marked = jpeg[:2] + b"\xff\xe1" + (len(secret) + 2).to_bytes(2, "big") + secret + jpeg[2:]
    with client_of(make_page(tmp_path, capture=str(tmp_path / "captures"))) as client:
        done = client.post("/capture", files={"picture": ("secret-name.jpg", marked, "image/jpeg")})
        assert done.status_code == 200, done.text
    for written in (tmp_path / "captures").iterdir():
        assert b"2.2945" not in written.read_bytes()
        assert b"secret" not in written.read_bytes() + written.name.encode()


def test_the_live_frame_is_captured_without_its_labels(tmp_path: Path) -> None:
    page = make_page(tmp_path, capture=str(tmp_path / "captures"), source=("camera", moving()))
    with client_of(page) as client:
        done = client.post("/capture")
    assert done.status_code == 200, done.text
    picture, answers = done.json()["written"]
    assert json.loads(Path(answers).read_text("utf-8"))["source"] == "camera"
    assert cv2.imread(picture).shape == (100, 300, 3)
    assert done.json()["faces"][0]["track"] == 1


def test_nothing_to_capture_and_nowhere_to_write(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        nowhere = client.post("/capture", content=photo(), headers=PNG)
    assert (nowhere.status_code, "--capture" in nowhere.json()["detail"]) == (404, True)
    with client_of(make_page(tmp_path, capture=str(tmp_path / "captures"))) as client:
        nothing = client.post("/capture")
    assert (nothing.status_code, "--source" in nothing.json()["detail"]) == (422, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with client_of(make_page(tmp_path, capture=str(tmp_path / "captures"))) as client:
        done = client.post("/capture", content=photo(), headers=PNG)
    assert (done.status_code, "captures" in done.json()["detail"]) == (503, True)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("ftp://host/x", "expected a folder, or s3://BUCKET/PREFIX"),
        ("gs://user:secret@store.example/x", r"--capture \.\.\.@store.example/x"),
        ("s3://", "expected s3://BUCKET/PREFIX"),
        ("s3://key:secret@bucket/x", r"--capture \.\.\.@bucket/x: expected s3"),
        ("pyproject.toml/x", "cannot be a folder"),
    ],
)
def test_what_is_no_place_for_captures(place: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    with pytest.raises(UsageError, match=words) as caught:
        Captures(place)
    assert "secret" not in str(caught.value)


def test_captures_on_s3(tmp_path: Path, bucket: Any) -> None:
    with client_of(make_page(tmp_path, capture="s3://faces/door/north/")) as client:
        done = client.post("/capture", content=photo(), headers=PNG)
        assert client.get("/status").json()["capture"] == "s3://faces/door/north"
    assert done.status_code == 200, done.text
    keys = [each["Key"] for each in bucket.list_objects_v2(Bucket="faces")["Contents"]]
    assert sorted(f"s3://faces/{key}" for key in keys) == sorted(done.json()["written"])
    assert all(key.startswith("door/north/") for key in keys)
    picture = bucket.get_object(Bucket="faces", Key=min(keys))
    answers = bucket.get_object(Bucket="faces", Key=max(keys))
    assert (picture["ContentType"], answers["ContentType"]) == ("image/jpeg", "application/json")
    assert json.loads(answers["Body"].read())["faces"][1]["box"]["left"] == 200
    for key in keys:
        grants = bucket.get_object_acl(Bucket="faces", Key=key)["Grants"]
        assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_a_bucket_that_is_not_there_or_open_to_everybody(bucket: Any) -> None:
    with pytest.raises(UsageError, match="s3://missing/x: the bucket cannot be used"):
        Captures("s3://missing/x")
    bucket.put_bucket_acl(Bucket="faces", ACL="public-read")
    with pytest.raises(UsageError, match="everybody may use this bucket"):
        Captures("s3://faces/x")


def test_a_server_that_is_gone_is_said(tmp_path: Path, bucket: Any) -> None:
    with client_of(make_page(tmp_path, capture="s3://faces")) as client:
        bucket.delete_bucket(Bucket="faces")
        done = client.post("/capture", content=photo(), headers=PNG)
        assert (done.status_code, "cannot be written" in done.json()["detail"]) == (503, True)
        assert client.post("/analyze", content=photo(), headers=PNG).status_code == 200
