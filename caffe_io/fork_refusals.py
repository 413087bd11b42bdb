"""Layer types that only forks of Caffe have and that no room runs: whose they are, and what to write instead.

These are the ones that public nets use often. The forks' Permute, ReLU6 and DepthwiseConvolution are computed.
The rows of all types are in layer_types.py.
"""

from __future__ import annotations

_BACKBONE = "Take the backbone of the net, up to the boxes."
_SSD = ("SSD", f"it is the SSD fork's, which finds boxes; only its Permute is here. {_BACKBONE}")
_YOLO = ("YOLO", f"it is from a fork for YOLO, which finds boxes. {_BACKBONE}")
_REGIONS = (
    "py-faster-rcnn",
    "it is from py-faster-rcnn or R-FCN, which find boxes. Take the backbone of the net, up to the regions.",
)
_SEGMENTS = "it is from a fork for segmentation. "
_SEGMENT_DATA = ("DeepLab", _SEGMENTS + "Write pictures and labels into HDF5 files and read them with HDF5Data.")

FORK_REFUSALS: dict[str, tuple[str, str]] = {
    "Axpy": (
        "SENet",
        "it is SENet's and computes a x + y. Write Flatten of a, Scale of x by that (two bottoms, "
        "scale_param { axis: 0 }), and Eltwise SUM with y.",
    ),
    "BN": (
        "SegNet",
        "it is from a fork (SegNet, PSPNet and others) and does BatchNorm and Scale in one. Write these two, Scale with "
        "bias_term: true; its weights have another form.",
    ),
    "BoxAnnotatorOHEM": _REGIONS,
    "DenseImageData": _SEGMENT_DATA,
    "DetectNetTransformation": ("NVIDIA", "it is NVIDIA's fork's, which finds boxes. Take the backbone of the net."),
    "DetectionEvaluate": _SSD,
    "DetectionOutput": _SSD,
    "EvalDetection": _YOLO,
    "ImageSegData": _SEGMENT_DATA,
    "Interp": (
        "DeepLab",
        _SEGMENTS + "It enlarges between its corner pixels. Deconvolution with the bilinear filler enlarges too, "
        "but gives other numbers.",
    ),
    "MultiBoxLoss": _SSD,
    "Normalize": (
        "SSD",
        "it is the SSD fork's and divides by the norm over the channels. Caffe 1.0 has no layer that does this.",
    ),
    "PSROIPooling": _REGIONS,
    "PriorBox": _SSD,
    "Proposal": _REGIONS,
    "ROIPooling": _REGIONS,
    "RegionLoss": _YOLO,
    "Reorg": _YOLO,
    "SegAccuracy": ("DeepLab", _SEGMENTS + "Write Accuracy with ignore_label."),
    "ShuffleChannel": (
        "ShuffleNet",
        "it is ShuffleNet's. Write Reshape to N x group x channels/group x -1, Permute with order 0, 2, 1, 3, "
        "and Reshape back to the first shape.",
    ),
    "SmoothL1Loss": _REGIONS,
    "SmoothL1LossOHEM": _REGIONS,
    "SoftmaxWithLossOHEM": _REGIONS,
    "Upsample": (
        "SegNet",
        "it is from a fork. If it repeats pixels by a scale, write Deconvolution with kernel_size and stride of that scale, "
        "group and num_output the number of channels, bias_term: false and the weight_filler constant 1. "
        "With a mask (SegNet) nothing here does the same.",
    ),
    "YoloDetectionOutput": _YOLO,
    "Yolov3": _YOLO,
    "Yolov3DetectionOutput": _YOLO,
}
"""Type -> whose it is, and what to do instead."""
