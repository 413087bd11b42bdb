"""Name -> network, for all networks that this program writes."""

from __future__ import annotations

from . import bknet, resnet18
from .face_net import FaceNet, Picture
from .residual import residual

_FACE = Picture(side=72, crop=64, mean=(105.0, 118.0, 151.0), scale=1 / 60)

NETS: dict[str, FaceNet] = {
    net.name: net
    for net in (
        FaceNet(
            "FaceRes", {"years": 1.0, "gender": 0.5}, body=residual(24, 48, 96, 160), iterations=5200, picture=_FACE
        ),
        # A head that a data set has no labels for would answer all the same, so what learns no smile has no head for it.
        FaceNet(
            "FaceResSmile",
            {"years": 1.0, "gender": 0.5, "smile": 0.5},
            body=residual(24, 48, 96, 160),
            iterations=5200,
            picture=_FACE,
        ),
        # Adience gives ranges of ages and no years.
        FaceNet(
            "FaceResAdience",
            {"adience_age": 1.0, "gender": 0.5},
            body=residual(24, 48, 96, 160),
            iterations=5200,
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
    )
}
