"""Name -> network, for all networks that this program writes."""

from __future__ import annotations

from dataclasses import replace

from . import bknet, levi_hassner, lmtcnn, resnet18, wide_resnet
from .face_net import CUTS, FaceNet, Picture
from .residual import residual

_FACE = Picture(side=72, crop=64, mean=(105.0, 118.0, 151.0), scale=1 / 60)
_ADIENCE = Picture(side=256, crop=227, mean=levi_hassner.MEAN)


def _levi_hassner(name: str, task: str) -> FaceNet:
    return FaceNet(
        name,
        {task: 1.0},
        picture=_ADIENCE,
        cut=CUTS["adience"],
        body=levi_hassner.body,
        head=levi_hassner.head,
        dropout=0,
        iterations=levi_hassner.ITERATIONS,
        batch=levi_hassner.BATCH,
        solver=levi_hassner.SOLVER,
        training=None,
        our_rate=levi_hassner.OUR_RATE,
    )


def _lmtcnn(first: int, second: int) -> FaceNet:
    return FaceNet(
        f"LMTCNN-{first}-{second}",
        {"adience_age": 1.0, "gender": 1.0},
        picture=replace(_ADIENCE, scale=1 / 60),
        cut=CUTS["adience"],
        body=lmtcnn.lmtcnn(first, second),
        dropout=0,
        iterations=lmtcnn.ITERATIONS,
        batch=lmtcnn.BATCH,
        solver=lmtcnn.SOLVER,
        training=None,
        our_rate=lmtcnn.OUR_RATE,
    )


def _wide_resnet(depth: int, width: int) -> FaceNet:
    return FaceNet(
        f"WideResNet-{depth}-{width}",
        {"years": 1.0, "gender": 1.0},
        picture=_FACE,
        body=wide_resnet.wide_resnet(depth, width),
        dropout=0,
        iterations=wide_resnet.ITERATIONS,
        batch=wide_resnet.BATCH,
        solver=wide_resnet.SOLVER,
        training=wide_resnet.TRAINING,
    )


NETS: dict[str, FaceNet] = {
    net.name: net
    for net in (
        FaceNet(
            "FaceRes",
            {"years": 1.0, "gender": 1.0},
            body=residual(24, 48, 96, 160),
            read="median",
            iterations=4000,
            picture=_FACE,
        ),
        # A head that a data set has no labels for would answer all the same, so what learns no smile has no head for it.
        FaceNet(
            "FaceResSmile",
            {"years": 1.0, "gender": 0.5, "smile": 0.5},
            body=residual(24, 48, 96, 160),
            read="median",
            iterations=2600,
            picture=_FACE,
        ),
        # Adience gives ranges of ages and no years.
        FaceNet(
            "FaceResAdience",
            {"adience_age": 1.0, "gender": 0.5},
            body=residual(24, 48, 96, 160),
            iterations=2000,
            cut=CUTS["adience"],
            picture=_FACE,
        ),
        FaceNet(
            "BKNet",
            {"smile": 1.0, "gender": 1.0, "years": 1.0},
            picture=Picture(side=56, crop=48, mean=(128.0,), scale=1 / 255),
            body=bknet.body,
            head=bknet.head,
            dropout=0,
            iterations=bknet.ITERATIONS,
            solver=bknet.SOLVER,
            training=bknet.TRAINING,
        ),
        FaceNet(
            "ResNet18",
            {"years": 1.0, "gender": 0.5},
            picture=Picture(side=256, crop=224, mean=resnet18.MEAN, scale=resnet18.SCALE),
            body=resnet18.body,
            head=resnet18.head,
            dropout=0,
            iterations=1000,
            batch=resnet18.BATCH,
            solver=resnet18.SOLVER,
            training=resnet18.TRAINING,
        ),
        _levi_hassner("LeviHassnerAge", "adience_age"),
        _levi_hassner("LeviHassnerGender", "gender"),
        _lmtcnn(1, 1),
        _lmtcnn(2, 1),
        _wide_resnet(16, 8),
        _wide_resnet(16, 4),
        _wide_resnet(10, 2),
    )
}
