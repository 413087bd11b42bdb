"""Layer types that only forks of Caffe have and that no room runs: whose they are, and what to write instead.

These are the ones that public nets use often. The forks' Permute, ReLU6 and DepthwiseConvolution are computed.
The rows of all types are in layer_types.py.
"""

from __future__ import annotations

_BACKBONE = "Take the backbone of the net, up to the boxes."
_SSD_TRAINING = ("SSD", f"it is the SSD fork's, and only its training or its test needs it. {_BACKBONE}")
_YOLO = ("YOLO", f"it is from a fork for YOLO, which finds boxes. {_BACKBONE}")
_REGIONS = (
    "py-faster-rcnn",
    "it is from py-faster-rcnn or R-FCN, which find boxes. Take the backbone of the net, up to the regions.",
)
_MS_CNN = (
    "MS-CNN",
    "it is from MS-CNN or Cascade R-CNN, which find boxes. Take the net up to the layer before it, and compute the boxes in "
    "your own program, or in a layer of type Python (--python-layers).",
)
_NO_MARGIN = (
    "Only training needs it: a deploy net ends at the layer before it, the embedding. To train here, write InnerProduct "
    "and SoftmaxWithLoss instead, which have no margin."
)
_NO_FACE_LOSS = (
    "Only training needs it, so a deploy net leaves it out. To train here, leave it out as well and keep SoftmaxWithLoss, "
    "or write ContrastiveLoss on pairs of faces."
)
_TRIPLETS = (
    "face forks",
    f"it is from a fork that trains faces on triplets; Caffe 1.0 has no such layer. {_NO_FACE_LOSS}",
)
_SPHEREFACE = ("SphereFace", f"it is SphereFace's InnerProduct with an angular margin. {_NO_MARGIN}")
_L_SOFTMAX = ("L-Softmax", f"it is the InnerProduct with a margin of L-Softmax. {_NO_MARGIN}")
_AM_SOFTMAX = ("AM-Softmax", f"it adds the margin of AM-Softmax or NormFace to the class scores. {_NO_MARGIN}")
_ARCFACE = ("ArcFace", f"it adds ArcFace's angular margin to the class scores. {_NO_MARGIN}")
_NORMALIZE = (
    "it is {} and divides each pixel by the norm over its channels. For C channels, Caffe 1.0 computes the same with LRN: "
    "local_size: 2C+1, alpha: 2C+1, beta: 0.5, k: 1e-10."
)
_SEGMENTS = "it is from a fork for segmentation. "
_SEGMENT_DATA = ("DeepLab", _SEGMENTS + "Write pictures and labels into HDF5 files and read them with HDF5Data.")

FORK_REFUSALS: dict[str, tuple[str, str]] = {
    "AdaCosAddmScale": _ARCFACE,
    "BatchContrastiveLoss": _TRIPLETS,
    "BoxAnnotatorOHEM": _REGIONS,
    "BoxGroupOutput": _MS_CNN,
    "BoxOutput": _MS_CNN,
    "CenterLoss": (
        "caffe-face",
        f"it is caffe-face's, which draws the faces of one person together. {_NO_FACE_LOSS}",
    ),
    "CombinedMargin": _ARCFACE,
    "CosinAddm": _ARCFACE,
    "DecodeBBox": _MS_CNN,
    "DenseImageData": _SEGMENT_DATA,
    "DetectNetTransformation": ("NVIDIA", "it is NVIDIA's fork's, which finds boxes. Take the backbone of the net."),
    "DetectionEvaluate": _SSD_TRAINING,
    "DetectionGroupAccuracy": _MS_CNN,
    "DetectionGroupLoss": _MS_CNN,
    "DetectionLoss": _MS_CNN,
    "EvalDetection": _YOLO,
    "GeneralTripletLoss": _TRIPLETS,
    "ImageSegData": _SEGMENT_DATA,
    "InnerDistance": (
        "NormFace",
        f"it is NormFace's, which compares an embedding with one centre for each class. {_NO_FACE_LOSS}",
    ),
    "L1Loss": (
        "NVIDIA",
        "it is NVIDIA's fork's. Write Eltwise SUM with coeff 1 and -1 and Reduction ASUM with a loss_weight of 1 / batch.",
    ),
    "LabelSpecificAdd": _AM_SOFTMAX,
    "LargeMarginInnerProduct": _L_SOFTMAX,
    "MarginInnerProduct": _SPHEREFACE,
    "NormL2": ("ArcFace", _NORMALIZE.format("a fork for faces'")),
    "RankHardLoss": _TRIPLETS,
    "RegionLoss": _YOLO,
    "SampleTriplet": _TRIPLETS,
    "SegAccuracy": ("DeepLab", _SEGMENTS + "Write Accuracy with ignore_label."),
    "SmoothL1LossOHEM": _REGIONS,
    "SoftmaxWithLossOHEM": _REGIONS,
    "TripletLoss": _TRIPLETS,
    "TripletSelect": _TRIPLETS,
    "Yolov3": _YOLO,
}
"""Type -> whose it is, and what to do instead."""
