"""`python -m training import_torch`: write the weights of a torchvision net as a caffemodel."""

from __future__ import annotations

import argparse
from pathlib import Path

from caffe_io.errors import CaffeIOError
from caffe_io.prototxt import read_net
from common.files import refuse_existing
from common.places import name_and_card

EXAMPLE = (
    "./moka import_torch --deploy prototxt/ResNet18/deploy.prototxt --state_dict resnet18.pth"
    " --out models/ResNet18/imagenet.caffemodel"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the net, the file of weights and the file to write."""
    parser.epilog = (
        "The file holds what torch.save(model.state_dict()) wrote; nothing in it is run, and torchvision is not needed. "
        "Known are torchvision's ResNets, by the names in training/nets/torch_names.py."
    )
    parser.add_argument("--deploy", type=Path, required=True, metavar="DEPLOY.prototxt", help="the net")
    parser.add_argument("--state_dict", required=True, metavar="FILE.pth", help="the weights, as PyTorch writes them")
    parser.add_argument("--out", required=True, metavar="FILE.caffemodel", help="file to write")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="TRAIN_TEST.prototxt",
        help="the net that is trained, for its mean and scale (default: the one beside DEPLOY.prototxt)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def main(options: argparse.Namespace) -> None:
    """Write the caffemodel, and say what only one side has."""
    refuse_existing(options.out, options.force)
    model = options.model or _train_test(options.deploy)
    from caffe_io.caffe_pb2 import TEST, NetParameter
    from caffe_io.weights import write_weights

    from ..nets.loading import names_text
    from ..nets.net import Net
    from ..nets.torch_weights import import_weights, picture_transform, read_state_dict

    scale = picture_transform(read_net(model), str(model)).scale
    state = read_state_dict(options.state_dict)
    net = Net(read_net(options.deploy), TEST, str(options.deploy))
    imported = import_weights(state, net.layers, scale, options.state_dict, str(options.deploy))
    # Caffe refuses a layer without blobs where its own has some, so the others are not in the file.
    kept = NetParameter(name=net.param.name, layer=[each for each in net.param.layer if each.name in imported.weights])
    write_weights(options.out, kept, imported.weights, options.force)
    print(f"{len(imported.weights)} layers: {options.out}")
    if imported.not_in_file:
        print(f"not in {options.state_dict}, so to be trained: {names_text(imported.not_in_file)}")
    if imported.not_in_net:
        print(f"not in {options.deploy}, so left out: {names_text(imported.not_in_net)}")


def _train_test(deploy: Path) -> Path:
    name, _ = name_and_card(deploy)
    path = deploy.parent / ("train_test.prototxt" if deploy.stem == "deploy" else f"{name}_train_test.prototxt")
    if not path.exists():
        raise CaffeIOError(
            f"{path}: not found. Name the net that is trained with --model; its mean and scale are needed."
        )
    return path
