"""Layer types that only forks of Caffe have and that are not computed here, and what to write instead.

Those that public nets use often; the forks' Permute, ReLU6 and DepthwiseConvolution are computed.
"""

from __future__ import annotations

_SSD = (
    "it is the SSD fork's, which finds boxes; only its Permute is here. Take the backbone of the net, up to the boxes."
)
_YOLO = "it is of a fork for YOLO, which finds boxes. Take the backbone of the net, up to the boxes."
_REGIONS = "it is py-faster-rcnn's or R-FCN's, which find boxes. Take the backbone of the net, up to the regions."
_SEGMENTS = "it is a fork's for segmentation. "

FORK_LAYERS: dict[str, str] = {
    "Axpy": (
        "it is SENet's. It is a x + y: write Flatten of a, Scale of x by that (two bottoms, scale_param { axis: 0 }), "
        "and Eltwise SUM with y."
    ),
    "BN": (
        "it is a fork's (SegNet, PSPNet and others): BatchNorm and Scale in one. Write these two with bias_term: true; "
        "its weights have another form."
    ),
    "BoxAnnotatorOHEM": _REGIONS,
    "DenseImageData": _SEGMENTS + "Write pictures and labels into HDF5 files and read them with HDF5Data.",
    "DetectNetTransformation": "it is NVIDIA's fork's, which finds boxes. Take the backbone of the net.",
    "DetectionEvaluate": _SSD,
    "DetectionOutput": _SSD,
    "EvalDetection": _YOLO,
    "ImageSegData": _SEGMENTS + "Write pictures and labels into HDF5 files and read them with HDF5Data.",
    "Interp": (
        _SEGMENTS + "It enlarges between its corner pixels; Deconvolution with the filler bilinear enlarges too, "
        "but not to the same numbers."
    ),
    "MultiBoxLoss": _SSD,
    "Normalize": "it is the SSD fork's and divides by the norm over the channels, for which Caffe 1.0 has no layer.",
    "PSROIPooling": _REGIONS,
    "PriorBox": _SSD,
    "Proposal": _REGIONS,
    "ROIPooling": _REGIONS,
    "RegionLoss": _YOLO,
    "Reorg": _YOLO,
    "SegAccuracy": _SEGMENTS + "Write Accuracy with ignore_label.",
    "ShuffleChannel": (
        "it is ShuffleNet's. Write Reshape to N x group x channels/group x -1, Permute with order 0, 2, 1, 3, "
        "and Reshape to what it was."
    ),
    "SmoothL1Loss": _REGIONS,
    "SmoothL1LossOHEM": _REGIONS,
    "SoftmaxWithLossOHEM": _REGIONS,
    "Upsample": (
        "it is a fork's. If it repeats pixels by a scale, write Deconvolution with kernel_size and stride of that scale, "
        "group and num_output the number of channels, bias_term: false and the weight_filler constant 1; with a mask "
        "(SegNet) nothing here does the same."
    ),
    "YoloDetectionOutput": _YOLO,
    "Yolov3": _YOLO,
    "Yolov3DetectionOutput": _YOLO,
}
"""Type -> whose it is, and what to do instead."""
