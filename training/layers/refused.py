"""Layer types that are known and not computed here, and what to do instead."""

from __future__ import annotations

_RECURRENT = "recurrent layers are not computed here. Train the net with Caffe itself (--engine caffe)."
_SSD = (
    "it is the SSD fork's, which finds boxes; only its Permute is here. Take the backbone of the net, up to the boxes."
)
_REGIONS = "it is py-faster-rcnn's, which finds boxes. Take the backbone of the net, up to the regions."

REFUSED: dict[str, str] = {
    "AnnotatedData": _SSD,
    "DetectionEvaluate": _SSD,
    "DetectionOutput": _SSD,
    "HDF5Output": "a net here writes no files. Leave it out: extract_features writes any blob.",
    "LSTM": _RECURRENT,
    "LSTMUnit": _RECURRENT,
    "MultiBoxLoss": _SSD,
    "PriorBox": _SSD,
    "Proposal": _REGIONS,
    "Python": "no code that a prototxt names is run. Write the same with other layers, or as a class in training/layers.",
    "RNN": _RECURRENT,
    "ROIPooling": _REGIONS,
    "Recurrent": _RECURRENT,
    "VideoData": "it is the SSD fork's. Write the pictures of the video into an LMDB and read them with Data.",
    "WindowData": "cut the windows out when the data are made, and read them with ImageData or Data.",
}
