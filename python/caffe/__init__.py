"""The module that `import caffe` finds with PYTHONPATH=CHECKOUT/python: the Python interface of Caffe 1.0.

Its code is in training/pycaffe. docs/pycaffe.md says what is there and how to use it.
"""

# First, because it makes the rooms of the checkout known.
from . import _rooms as _rooms  # isort: skip

import importlib
import sys

from training.pycaffe import *  # noqa: F403
from training.pycaffe import __all__ as __all__
from training.pycaffe import __version__ as __version__

# Modules that scripts import by these names, or use as attributes without importing them.
_MODULES = {
    "_caffe": "training.pycaffe",
    "classifier": "training.pycaffe.classifier",
    "coord_map": "training.pycaffe.coord_map",
    "detector": "training.pycaffe.detector",
    "io": "training.pycaffe.io",
    "net_spec": "training.pycaffe.net_spec",
    "proto": "training.pycaffe.proto",
    "proto.caffe_pb2": "caffe_io.caffe_pb2",
    "pycaffe": "training.pycaffe",
}
for _name, _module in _MODULES.items():
    sys.modules[f"{__name__}.{_name}"] = importlib.import_module(_module)
    if "." not in _name:
        globals()[_name] = sys.modules[_module]
