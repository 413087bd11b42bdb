from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile

import pytest

from common.file_kinds import foreign_kind, what_it_is

_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 45640000\n"


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_POINTER, "It is a Git LFS pointer, not the file itself. Fetch the file with `git lfs pull`"),
        (b"<!DOCTYPE html>\n<html><head>", "It is a web page (HTML), not the file itself"),
        (b"\xef\xbb\xbf\n<!-- saved -->\n<HTML>", "It is a web page (HTML)"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "It is XML, such as the answer of a server"),
        (b'<?xml version="1.0"?>\n<net name="x" version="11">', "It is an OpenVINO model (.xml)"),
        (json.dumps({"name": "Tiny"}).encode(), "It is JSON."),
        (_zip(), "It is a zip archive. Unpack it first."),
        (gzip.compress(b"x", mtime=0), "It is packed with gzip. Unpack it first"),
        (pickle.dumps([1], 2), "It is a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "It is an HDF5 file."),
        (b"\xff\xd8\xff\xe0", "It is a JPEG picture."),
        (b"\x93NUMPY\x01\x00", "It is a NumPy array"),
        (b"#!/usr/bin/env python\nimport caffe\n", "It is a Python program."),
        (b"#!/bin/sh\nexit\n", "It is a shell script."),
        (b"[net]\nbatch=1\n", "It is a net of Darknet"),
        (b'# LeNet\nname: "LeNet"\nlayer {', "It is a net as text (prototxt). Pass it with --model"),
        (b"layers {\n", "It is a net as text (prototxt)"),
        (b'net: "train.prototxt"\nbase_lr: 0.1', "It is a solver as text (prototxt). Pass it with --solver."),
        (b"", ""),
        (bytes(100), ""),
        (b"\n\x05LeNet\xa2\x06\x00", ""),
        (b"some words", ""),
    ],
)
def test_what_a_file_is(data: bytes, words: str) -> None:
    assert what_it_is(data).startswith(words)
    assert bool(what_it_is(data)) == bool(words)


def test_prototxt_is_not_foreign_to_prototxt() -> None:
    assert foreign_kind(_POINTER) == what_it_is(_POINTER)
    for text in (b'name: "n"', b"layer {", b'net: "n"'):
        assert what_it_is(text)
        assert foreign_kind(text) == ""
