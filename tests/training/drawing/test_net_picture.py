"""The SVG: names that XML cannot hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from kits.training_commands import command
from training.drawing.net_picture import escape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b> & \u00fc \U0001f600", "&lt;b&gt; &amp; \u00fc \U0001f600"),
        ("a\x00b\x1b[31mc", "a\ufffdb\ufffd[31mc"),
        ("\x7f\x9f\ud800\uffff", "\ufffd" * 4),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_what_xml_cannot_hold_is_replaced(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_control_characters_in_names(tmp_path: Path) -> None:
    net = tmp_path / "net.prototxt"
    net.write_text(
        'name: "n\\001" layer { name: "\\033[2J" type: "Input" top: "d" input_param { shape { dim: 1 dim: 3 } } } '
        'layer { name: "r\\010" type: "ReLU" bottom: "d" top: "d" }'
    )
    assert command("draw", "--model", net, "--out", "net.svg", folder=tmp_path).code == 0
    picture = ElementTree.parse(tmp_path / "net.svg")
    texts = [element.text for element in picture.iter() if element.tag.endswith("}text")]
    assert "\ufffd[2J" in texts
