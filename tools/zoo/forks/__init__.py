"""Well-known nets that need layers of forks of Caffe, as prototxt text in any width and picture size, written from their papers.

FORK_NETS holds them as tools.zoo.NETS holds those of Caffe 1.0. There are deploy nets only.
"""

from __future__ import annotations

from .. import Entry
from .classification import mobilenet3, senet, shufflenet
from .detection import openpose, pvanet, yolo1, yolo2, yolo3
from .segmentation import enet, pspnet, segnet

__all__ = ["FORK_NETS"]

FORK_NETS: dict[str, Entry] = {
    "ENet": Entry(enet, 512, 64, 1.0),
    "MobileNet v3": Entry(mobilenet3, 224, 64, 0.5),
    "OpenPose": Entry(openpose, 368, 64, 0.25),
    "PSPNet": Entry(pspnet, 473, 65, 0.125),
    "PVANet": Entry(pvanet, 640, 64, 0.5),
    "SE-ResNet-50": Entry(senet, 224, 64, 0.125),
    "SegNet": Entry(segnet, 360, 72, 0.125),
    "ShuffleNet": Entry(shufflenet, 224, 64, 0.5),
    "YOLO v1": Entry(yolo1, 448, 64, 0.125),
    "YOLO v2": Entry(yolo2, 416, 96, 0.125),
    "YOLO v3": Entry(yolo3, 416, 96, 0.125),
}
