from __future__ import annotations

import re
from pathlib import Path

from kits.net_blobs import read_bytes, read_records
from myriad.listing import text, words
from tools.fuzz_blobs.samples import arithmetic, network
from tools.fuzz_blobs.writer import Record, Tensor, blob


def test_the_whole_text(tmp_path: Path) -> None:
    said = text.contents(read_bytes(tmp_path, network()))
    lines = said.splitlines()
    assert lines[0] == f"{tmp_path}/net.blob: Myriad X blob 6.0, 3,072 bytes"
    assert lines[1] == "  for 4 SHAVEs and 4 CMX slices; 6 stages and 1 that run beside others; batch 1"
    assert "  13.8 k multiply-adds" in lines
    assert re.search(r"^input 0   data  U8    NCHW   1x3x8x8  192 64 8 1  0$", said, re.MULTILINE)
    assert re.search(r"^MyriadXHwOp +2 +13\.8 k +448 B +1\.4 kB +1\.3 kB$", said, re.MULTILINE)
    assert (
        "   1  MyriadXHwOp, 13.8 k multiply-adds\n      convolution 3x3 stride 1, padded, ReLU, mode 0, channels 0 to 7\n"
        in said
    )
    assert "      out      FP16  NCHW  1x8x8x8  CMX 0x1000      1.0 kB  strides 1024 128 16 2\n" in said
    assert "   3  Copy beside stage 2\n" in said
    assert max(map(len, lines)) <= 120 + len(str(tmp_path))


def test_stages_that_are_not_known(tmp_path: Path) -> None:
    said = text.contents(read_bytes(tmp_path, arithmetic()))
    assert "   8  Type 999, 1 SHAVEs\n      parameters of unknown meaning 1 2 3\n" in said
    assert re.search(r"^      out        FP16  NC    \?x\?      BSS 0x400 +0 B", said, re.MULTILINE)


def test_parameters_on_one_line(tmp_path: Path) -> None:
    stages = read_bytes(tmp_path, arithmetic()).stages
    assert words.parameters(stages[5]) == "kernel 3x3, stride 2x2, pad_left 1, pad_top 1, dilation 1x1"
    assert words.parameters(stages[3]) == "shift 0, scale 1, power 2"


def test_long_unknown_parameters(tmp_path: Path) -> None:
    (stage,) = read_records(tmp_path, Record(999, [Tensor((1, 3, 8, 8))], bytes(400)))
    assert words.parameters(stage).endswith(" 0 0 ... (100 in all)")


def test_a_name_cannot_command_the_terminal(tmp_path: Path) -> None:
    entry = Tensor((1, 3, 8, 8))
    content = blob([("da\x1b[2J\nta", entry)], [("prob", entry)], [])
    assert r"da\x1b[2J\x0ata" in text.contents(read_bytes(tmp_path, content))
