"""Layer types that only forks of Caffe have and that no room runs: whose they are, and what to write instead.

These are the ones that public nets use often. The forks' Permute, ReLU6 and DepthwiseConvolution are computed.
The rows of all types are in layer_types.py.
"""

from __future__ import annotations

_BACKBONE = "Take the backbone of the net, up to the boxes."
_YOLO = ("YOLO", f"it is from a fork for YOLO, which finds boxes. {_BACKBONE}")
_MS_CNN = (
    "MS-CNN",
    "it is from MS-CNN or Cascade R-CNN, which find boxes. Take the net up to the layer before it, and compute the boxes in "
    "your own program, or in a layer of type Python (--python-layers).",
)
_MASKS = (
    "MNC",
    "it is from MNC, which cuts masks of objects out of a picture. Take the net up to the layer before it, and go on in your own "
    "program.",
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
_C3D = (
    "C3D",
    "it is C3D's, for videos: it has windows over time as well. Nets here take one picture at a time, and a stick knows no such "
    "layer.",
)
_YOLO_TRAINING = ("YOLO", "it is from a fork for YOLO, and only its training needs it. A deploy net leaves it out.")
_SEGMENTS = "it is from a fork for segmentation. "
_SEGMENT_DATA = ("DeepLab", _SEGMENTS + "Write pictures and labels into HDF5 files and read them with HDF5Data.")

FORK_REFUSALS: dict[str, tuple[str, str]] = {
    "AdaCosAddmScale": _ARCFACE,
    "AssistedExcitation": _YOLO_TRAINING,
    "BatchContrastiveLoss": _TRIPLETS,
    "BoxData": _YOLO_TRAINING,
    "BoxGroupOutput": _MS_CNN,
    "BoxOutput": _MS_CNN,
    "CTCGreedyDecoder": (
        "WarpCTC",
        "it reads the most probable letters off a recurrent net's output. Leave it out, and let your own program do that: the "
        "best class of each step, without repeats and blanks.",
    ),
    "CenterLoss": (
        "caffe-face",
        f"it is caffe-face's, which draws the faces of one person together. {_NO_FACE_LOSS}",
    ),
    "CombinedMargin": _ARCFACE,
    "Convolution3D": _C3D,
    "CosinAddm": _ARCFACE,
    "CuDNNBatchNorm": (
        "cuDNN forks",
        "it does BatchNorm and Scale in one, and the forks that have it disagree about its blobs. Write BatchNorm and Scale with "
        "bias_term: true, and move the blobs of the caffemodel there (docs/caffe_users.md shows how for other forks).",
    ),
    "DecodeBBox": _MS_CNN,
    "DeformableConvolution": (
        "Deformable ConvNets",
        "it moves its windows by the numbers of a second bottom. Neither this nor the stick can do that; train the net with an "
        "ordinary Convolution in its place.",
    ),
    "DenseImageData": _SEGMENT_DATA,
    "DetectNetTransformation": ("NVIDIA", "it is NVIDIA's fork's, which finds boxes. Take the backbone of the net."),
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
    "LaneData": _YOLO_TRAINING,
    "LargeMarginInnerProduct": _L_SOFTMAX,
    "Lstm": (
        "lstm_caffe",
        "it is an LSTM of another fork, with blobs in another order. Write Caffe 1.0's LSTM, and train it.",
    ),
    "MarginInnerProduct": _SPHEREFACE,
    "MaskPooling": _MASKS,
    "MaskResize": _MASKS,
    "Pooling3D": _C3D,
    "ROIWarping": _MASKS,
    "RankHardLoss": _TRIPLETS,
    "Recurrent": (
        "Caffe's recurrent branch",
        "it is the part that LSTM and RNN have in common. Write one of these.",
    ),
    "Region": (
        "YOLO",
        "it is of a port of YOLO v2. Write YoloDetectionOutput, which also finds the boxes, with num_classes, num_box and the "
        "anchors as biases; or RegionYolo, with Model Optimizer's fields.",
    ),
    "RegionLoss": _YOLO,
    "SampleTriplet": _TRIPLETS,
    "SeLu": (
        "SELU",
        "it is a fork's. Write ELU with elu_param { alpha: 1.6732632 } and after it Power with power_param { scale: 1.0507010 }.",
    ),
    "SeLuDropout": ("SELU", "it is a fork's and drops numbers in TRAIN alone. A deploy net leaves it out."),
    "SegAccuracy": ("DeepLab", _SEGMENTS + "Write Accuracy with ignore_label."),
    "SegmentationEvaluate": _YOLO_TRAINING,
    "TripletLoss": _TRIPLETS,
    "TripletSelect": _TRIPLETS,
    "YoloSeg": _YOLO_TRAINING,
    "Yolov3": _YOLO,
}
"""Type -> whose it is, and what to do instead."""
