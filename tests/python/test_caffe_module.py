"""`import caffe` from a script in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT

NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ten" type: "Python" bottom: "data" top: "ten" python_param { module: "tens" layer: "Ten" } }
"""
TENS = """import caffe

class Ten(caffe.Layer):
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = 10 * bottom[0].data
"""


def run_script(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script in `folder` as a user does; its own folder comes first on sys.path."""
    (folder / "script.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "error", *words, "script.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_all_modules_have_caffes_names(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        "import caffe\n"
        "assert caffe.io.caffe_pb2 is caffe.proto.caffe_pb2\n"
        "assert caffe.io.caffe_pb2.BlobProto.FromString(b'').data == []\n"
        "import caffe.io, caffe.draw, caffe.classifier, caffe.detector, caffe.net_spec, caffe.pycaffe, caffe._caffe\n"
        "import caffe.proto.caffe_pb2 as messages\n"
        "from caffe.proto import caffe_pb2\n"
        "from caffe.proto.caffe_pb2 import NetParameter\n"
        "from caffe.io import array_to_datum, Transformer\n"
        "from caffe.coord_map import coord_map_from_to, crop\n"
        "from caffe import layers as L, params as P, to_proto\n"
        "assert messages is caffe_pb2 and caffe.net_spec.Top and caffe.pycaffe.Net is caffe.Net\n"
        "assert caffe.__version__ == '1.0.0' and 'Python' in caffe.layer_type_list()\n"
        "assert not caffe.has_nccl() and caffe.solver_count() == 1 and caffe.solver_rank() == 0\n"
        "print(caffe.draw.draw_net(L.ReLU(L.DummyData()).to_proto(), 'LR')[1:4])\n",
    )
    assert (done.returncode, done.stdout) == (0, "b'PNG'\n"), done.stderr


def test_a_script_keeps_its_own_modules(tmp_path: Path) -> None:
    """Of the checkout only three rooms are known; sys.path stays as it is."""
    for name in ("tools", "tests", "ncs", "inference", "recipes", "numbers_of_mine"):
        (tmp_path / f"{name}.py").write_text("mine = True\n")
    done = run_script(
        tmp_path,
        "import sys\n"
        "before = list(sys.path)\n"
        "import caffe\n"
        "assert sys.path == before\n"
        "import tools, tests, ncs, inference, recipes, numbers_of_mine\n"
        "assert tools.mine and tests.mine and ncs.mine and inference.mine and recipes.mine\n",
    )
    assert done.returncode == 0, done.stderr


ROOMS = ["common", "caffe_io", "training"]


def test_modules_with_the_names_of_rooms_are_hidden(tmp_path: Path) -> None:
    for name in ROOMS:
        (tmp_path / f"{name}.py").write_text("mine = True\n")
    done = run_script(tmp_path, "import caffe\nprint(caffe.Net.__name__)\n", "-W", "default")
    assert done.stdout == "Net\n"
    for name in ROOMS:
        said = f"`import {name}` finds {ROOT / name}, not {tmp_path / name}.py. Give your module another name."
        assert said in done.stderr


@pytest.mark.parametrize("name", ROOMS)
def test_a_module_with_the_name_of_a_room_that_was_imported_before(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("mine = True\n")
    taken = run_script(tmp_path, f"import {name}\nimport caffe\n")
    assert taken.returncode == 1
    assert (
        f"the module {name} has been imported from {tmp_path / name}.py, but caffe needs {ROOT / name}." in taken.stderr
    )


def test_python_layers_run_from_a_script(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "tens.py").write_text(TENS)
    done = run_script(
        tmp_path,
        "import caffe\n"
        "net = caffe.Net('net.prototxt', caffe.TEST)\n"
        "net.blobs['data'].data[...] = 3\n"
        "print(net.forward()['ten'].tolist())\n",
    )
    assert (done.returncode, done.stdout) == (0, "[[30.0, 30.0, 30.0], [30.0, 30.0, 30.0]]\n"), done.stderr
