"""Layer types that are known and not computed here, and what to do instead."""

from __future__ import annotations

from caffe_io.fork_layers import FORK_LAYERS

_RECURRENT = "recurrent layers are not computed here. Train the net with Caffe itself (--engine caffe)."

REFUSED: dict[str, str] = {
    **FORK_LAYERS,
    "AnnotatedData": "it is the SSD fork's. Write the pictures into an LMDB and read them with Data; boxes have no place there.",
    "HDF5Output": "a net here writes no files. Leave it out: extract_features writes any blob.",
    "LSTM": _RECURRENT,
    "LSTMUnit": _RECURRENT,
    "Python": "no code that a prototxt names is run. Write the same with other layers, or as a class in training/layers.",
    "RNN": _RECURRENT,
    "Recurrent": _RECURRENT,
    "VideoData": "it is the SSD fork's. Write the pictures of the video into an LMDB and read them with Data.",
    "WindowData": "cut the windows out when the data are made, and read them with ImageData or Data.",
}
