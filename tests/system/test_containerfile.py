"""Containerfile: what it copies is what .containerignore lets through, and what it starts is a verb of ours.

The image itself is built by hand: docs/raspberry_pi.md.
"""

from __future__ import annotations

import json
import re

from common.places import ROOT
from inference.__main__ import ROOM

TEXT = (ROOT / "Containerfile").read_text("utf-8")


def test_it_copies_what_the_ignore_file_lets_through() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (?:--\S+ )*(.+)$", TEXT, re.MULTILINE) for word in line.split()[:-1]}
    assert "*" in ignored
    assert copied == allowed


def test_it_starts_the_page_and_no_root() -> None:
    (command,) = re.findall(r"^CMD (.+)$", TEXT, re.MULTILINE)
    verb, *options = json.loads(command)
    assert verb in ROOM.verbs
    # The page demands a token for this address, which nobody can forget therefore.
    assert options == ["--host", "0.0.0.0"]
    assert re.search(r"^USER (?!root|0)", TEXT, re.MULTILINE)
