"""`python -m training extract_features`: write a net's blobs, batch by batch, to databases, as Caffe's tool of that name does."""

from __future__ import annotations

import argparse
import contextlib

from caffe_io.caffe_pb2 import TEST, Datum
from caffe_io.databases.backends import BACKENDS
from caffe_io.prototxt import read_net
from common.errors import UsageError
from common.files import refuse_existing_folder
from common.messages import known_names, shape_text

from ..errors import TrainingError
from .net_options import choose_device, select_gpu

EXAMPLE = (
    "./moka extract_features models/AgeNet/AgeNet_iter_3000.caffemodel"
    " prototxt/AgeNet/train_test.prototxt fc7 features_lmdb 14"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add Caffe's own arguments, in Caffe's order."""
    parser.add_argument("weights", metavar="WEIGHTS", help="trained .caffemodel")
    parser.add_argument("model", metavar="MODEL", help="net prototxt whose TEST phase reads the pictures")
    parser.add_argument("blobs", metavar="BLOB[,BLOB...]", help="blobs to write")
    parser.add_argument("databases", metavar="DB[,DB...]", help="databases to write, one for each blob")
    parser.add_argument("batches", type=int, metavar="N", help="number of batches")
    parser.add_argument("backend", nargs="?", choices=BACKENDS, default="lmdb", help="their kind (default: lmdb)")
    parser.add_argument(
        "mode", nargs="?", choices=("CPU", "GPU"), help="without it, the GPU is used if PyTorch sees one"
    )
    parser.add_argument("device", nargs="?", metavar="DEVICE_ID=N", help="number of the GPU, after the word GPU")
    parser.add_argument("--force", action="store_true", help="replace existing databases")


def main(options: argparse.Namespace) -> None:
    """Write a record for each picture: the blob's numbers as float_data; the key is the record's number in ten digits."""
    blobs, paths = options.blobs.split(","), options.databases.split(",")
    if len(blobs) != len(paths) or len(set(paths)) != len(paths):
        raise UsageError(f"{len(blobs)} blobs for {len(set(paths))} databases; expected a database for each blob.")
    if not 1 <= options.batches < 2**31:
        raise UsageError(f"{options.batches} batches; expected 1 to {2**31 - 1}.")
    for path in paths:
        refuse_existing_folder(path, options.force, BACKENDS[options.backend].recognise)
    if options.mode == "GPU":
        select_gpu((options.device or "0").removeprefix("DEVICE_ID="))
    import torch

    from ..nets.net import Net
    from ..threads import leave_busy_processors

    device = torch.device("cpu") if options.mode == "CPU" else choose_device()
    leave_busy_processors(device)
    net = Net(read_net(options.model), TEST, options.model, device)
    _check(net.shapes, blobs, options.model)
    net.load_all(options.weights)
    counts = [0] * len(blobs)
    with contextlib.ExitStack() as stack, torch.inference_mode():
        databases = [stack.enter_context(BACKENDS[options.backend].write(path, options.force)) for path in paths]
        for _ in range(options.batches):
            net.forward()
            for index, (name, database) in enumerate(zip(blobs, databases, strict=True)):
                values = net.blobs[name].float().cpu()
                channels, height, width = (*values.shape[1:], 1, 1, 1)[:3]
                for row in values.reshape(len(values), -1).tolist():
                    datum = Datum(channels=channels, height=height, width=width, float_data=row)
                    database.put(b"%010d" % counts[index], datum.SerializeToString())
                    counts[index] += 1
    net.close()
    for name, path, count in zip(blobs, paths, counts, strict=True):
        print(f"{count} records of blob {name} in {path}")


def _check(shapes: dict[str, tuple[int, ...]], blobs: list[str], model: str) -> None:
    for name in blobs:
        if name not in shapes:
            raise TrainingError(f'{model}: has no blob "{name}". {known_names(name, shapes)}')
        if not 1 <= len(shapes[name]) <= 4:
            raise TrainingError(
                f'{model}: blob "{name}" is {shape_text(shapes[name])}; expected 1 to 4 axes, of which the first counts pictures.'
            )
