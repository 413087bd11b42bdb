"""Layers on which the MYRIAD compiler of OpenVINO 2021.4.2 worked without end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kits.ncs import net_of, values
from kits.oracle import movidius
from ncs import compiler
from ncs.converter import convert
from ncs.ir import write_ir

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(200)]


def test_a_deconvolution_with_two_inputs_in_each_group(tmp_path: Path) -> None:
    movidius("python")
    text = (
        'layer { name: "d" type: "Deconvolution" bottom: "data" top: "d" convolution_param {'
        " num_output: 256 group: 256 kernel_size: 4 stride: 2 pad: 1 bias_term: false } }"
    )
    files = [tmp_path / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    write_ir(convert(net_of(text, (1, 512, 10, 10)), {"d": [values(512, 1, 4, 4) / np.float32(9)]}), *files[:2])
    compiled = compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1), limit=150)
    assert compiled.header.outputs == 1
