"""Caffe's own names with hostile arguments: the tools of bin/, and scripts that import caffe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .cases import Case, Ends
from .databases import png_bomb
from .paths import PAGE, POINTER, Prepare, fifo, file_of, link_to
from .world import WEIGHTS

# A new process has to load its libraries.
_SECONDS = 60
_MEGABYTES = 1200

_SOLVER = "prototxt/Tiny/solver.prototxt"
_NET = "prototxt/Tiny/train_test.prototxt"
_DEPLOY = "prototxt/Tiny/deploy.prototxt"

# Words after bin/, and what makes `it`. Each must be refused.
_TOOLS: list[tuple[str, Prepare | None]] = [
    ("caffe frobnicate", None),
    ("caffe train", None),
    ("caffe train -solver", None),
    ("caffe train -solver nowhere", None),
    ("caffe train -solver it", fifo),
    ("caffe train -solver it", link_to("/dev/zero")),
    (f"caffe train -solver {_SOLVER} -force -weights it", fifo),
    (f"caffe train -solver {_SOLVER} -force -snapshot it", file_of(POINTER)),
    (f"caffe -gpu=x -solver={_SOLVER} train", None),
    (f"caffe train -solver {_SOLVER} -sigint_effect explode", None),
    (f"caffe train --solver={_SOLVER} --snapshot=a --weights=b", None),
    (f"caffe test -model {_NET} -weights it -iterations 1", file_of(PAGE)),
    (f"caffe test -model {_NET} -weights {WEIGHTS} -iterations=-1", None),
    (f"caffe test -model {_NET} -weights {WEIGHTS} -iterations=99999999999999999999x", None),
    ("caffe time -model it", link_to("it")),
    ("caffe time -model models -iterations 1", None),
    ("convert_imageset", None),
    ("convert_imageset ./ it new_lmdb", fifo),
    ("convert_imageset ./ list.txt faces", None),
    ("convert_imageset -backend rocksdb ./ list.txt new_db", None),
    ("convert_imageset --resize_height=-5 ./ list.txt new_db", None),
    ("convert_imageset -shuffle=perhaps ./ list.txt new_db", None),
    ("compute_image_mean", None),
    ("compute_image_mean it new.binaryproto", fifo),
    ("compute_image_mean faces new.binaryproto", None),
    ("compute_image_mean -backend leveldb data/lmdb/test_lmdb new.binaryproto", None),
    ("extract_features", None),
    (f"extract_features it {_NET} fc new_db 1", file_of(b"\0" * 100)),
    (f"extract_features {WEIGHTS} {_NET} fc,conv new_db 1 lmdb", None),
    (f"extract_features {WEIGHTS} {_NET} fc new_db 1 lmdb GPU DEVICE_ID=x", None),
    ("upgrade_net_proto_text it new.prototxt", fifo),
    (f"upgrade_net_proto_text {_DEPLOY} faces", None),
    ("upgrade_net_proto_binary it new.caffemodel", file_of(bytes(range(256)) * 20)),
    ("upgrade_solver_proto_text it new.prototxt", link_to("/dev/zero")),
    *((tool, None) for tool in ("train_net x", "finetune_net x y", "test_net x y", "net_speed_benchmark x")),
]

# What a script does, and what makes `it`. Each must raise what docs/pycaffe.md says, or numpy's ValueError for an array.
_SCRIPTS: list[tuple[str, Prepare | None]] = []
for _hostile, _prepare in {
    "a FIFO": fifo,
    "a link to /dev/zero": link_to("/dev/zero"),
    "random bytes": file_of(bytes(range(256)) * 20),
    "a web page": file_of(PAGE),
    "an empty file": file_of(b""),
    "nothing": None,
}.items():
    _SCRIPTS += [
        (f"caffe.Net('{_DEPLOY}', 'it', caffe.TEST)", _prepare),
        (f"caffe.Classifier('{_DEPLOY}', 'it')", _prepare),
        ("caffe.io.load_image('it')", _prepare),
        ("caffe.get_solver('it')", _prepare),
    ]
    if _hostile != "an empty file":
        # An empty text is a net without a layer.
        _SCRIPTS.append(("caffe.Net('it', caffe.TEST)", _prepare))
_SCRIPTS += [
    ("caffe.io.load_image('it')", file_of(png_bomb())),
    ("caffe.io.load_image('a\\0b')", None),
    (f"caffe.Net('{_DEPLOY}')", None),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).forward(data=np.zeros((1, 3, 9, 9)))", None),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).forward(start='nowhere')", None),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).blobs['data'].reshape(1 << 30, 1 << 30, 3, 3)", None),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).copy_from('it')", fifo),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).save('faces')", None),
    (f"caffe.Net('{_DEPLOY}', caffe.TEST).save('it')", fifo),
    (f"caffe.get_solver('{_SOLVER}').restore('it')", fifo),
    ("caffe.io.Transformer({'data': (1, 3, 16, 16)}).set_mean('data', np.zeros((3, 2, 2, 2)))", None),
]

_SCRIPT = """import numpy as np
import caffe
from common.errors import MokaError
try:
    {}
except (MokaError, ValueError):
    raise SystemExit("error: refused")
"""


def _script(line: str, prepare: Prepare | None) -> Callable[[Path], object]:
    def both(folder: Path) -> None:
        if prepare:
            prepare(folder)
        (folder / "script.py").write_text(_SCRIPT.format(line))

    return both


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for number, (words, prepare) in enumerate(_TOOLS):
        found.append(_case(f"bin/{number}, {words}", f"$ROOT/bin/{words}", prepare))
    for number, (line, prepare) in enumerate(_SCRIPTS):
        script = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$ROOT/python $PYTHON script.py"
        found.append(_case(f"python/{number}, {line}", script, _script(line, prepare)))
    through_a_link = f"ln -s $ROOT/bin/caffe caffe && ./caffe test -model {_NET} -weights {WEIGHTS} -iterations 1"
    found.append(_case("bin/through a link", through_a_link, None, Ends.DONE))
    return found


def _case(name: str, script: str, prepare: Prepare | None, ends: Ends = Ends.REFUSED) -> Case:
    return Case(name, (script,), ends, prepare, _SECONDS, _MEGABYTES, shell=True)
