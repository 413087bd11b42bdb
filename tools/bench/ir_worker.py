"""Converts a caffemodel to IR as ncs compile does, but makes no blob.

ir_worker.py DEPLOY.prototxt FILE.caffemodel
"""

import sys
from pathlib import Path

from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from ncs.converter import convert
from ncs.ir import write_ir

deploy, weights = sys.argv[1:]
model = convert(read_net(deploy), read_weights(weights), None, deploy, weights)
write_ir(model, Path("bench.xml"), Path("bench.bin"))
