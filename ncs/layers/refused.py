"""Layer types that the converter knows by name and does not build."""

from __future__ import annotations

from caffe_io.fork_layers import FORK_LAYERS

_DATA = (
    "a device is fed pictures, not files. Give --model the deploy net, which has in its place: "
    'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: HEIGHT dim: WIDTH } } }'
)
_RECURRENT = "recurrent layers have no counterpart on the stick. Cut the net before it, and run the rest elsewhere."
_INDICES = "it picks by indices, and a device is fed pictures. Compute it before the net."

REFUSED: dict[str, str] = {
    **FORK_LAYERS,
    "AnnotatedData": _DATA,
    "BatchReindex": _INDICES,
    "Data": _DATA,
    "DenseImageData": _DATA,
    "DummyData": _DATA,
    "Embed": _INDICES,
    "Filter": "the size of its tops depends on the numbers in its bottoms, and a compiled net has fixed sizes.",
    "HDF5Data": _DATA,
    "HDF5Output": "a device writes no files. Leave the layer out; its bottoms become outputs.",
    "Im2col": "it is a step of Convolution. Write the Convolution.",
    "ImageData": _DATA,
    "ImageSegData": _DATA,
    "LSTM": _RECURRENT,
    "LSTMUnit": _RECURRENT,
    "MemoryData": _DATA,
    "Python": "no code that a prototxt names is run. Write the same with other layers, or cut the net before it.",
    "RNN": _RECURRENT,
    "Recurrent": _RECURRENT,
    "SPP": "write its pyramid as Pooling, Flatten and Concat layers.",
    "VideoData": _DATA,
    "WindowData": _DATA,
}
"""Type -> the reason, and what to do instead."""

LEFT_OUT: dict[str, int] = {
    "Accuracy": 1,
    "ContrastiveLoss": 2,
    "EuclideanLoss": 1,
    "HingeLoss": 1,
    "InfogainLoss": 1,
    "MultinomialLogisticLoss": 1,
    "SigmoidCrossEntropyLoss": 1,
    "SoftmaxWithLoss": 1,
}
"""Layers that judge the answers and give none -> how many of their bottoms are answers; the others are the truth."""
