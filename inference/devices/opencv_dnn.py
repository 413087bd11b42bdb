"""OpenCV's own reader of Caffe nets, on the caffemodel itself: a peer to compare the compiled network with.

It looks for the caffemodel that the card names beside the card and in models/NAME/, and for prototxt/NAME/deploy.prototxt.
What training did to its input is not in these files, so it is done here, as the card says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError, MokaError
from common.files import file_hash
from common.messages import last_line
from common.places import ROOT, net_files

from ..errors import DeviceError
from ..mean import read_mean
from .look import Look
from .usb import SYSFS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

COMPUTES = "OpenCV computes in f32"


class OpenCvDevice:
    """Networks that OpenCV reads from a deploy.prototxt and a caffemodel."""

    name = "OPENCV"
    precision = "f32"

    def __init__(self, cards: Sequence[ModelCard]) -> None:
        import cv2

        self.runtime = f"OpenCV {cv2.__version__}"
        self.refused: dict[Path, MokaError] = {}
        self._networks: dict[Path, _Network] = {}
        for card in cards:
            try:
                self._networks[card.path] = _Network(card)
            except MokaError as error:
                self.refused[card.path] = error

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        return self._networks[card.path].run(tensor)

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor; return their values in the same order. OpenCV takes one at a time."""
        return [self.infer(card, tensor) for tensor in tensors]

    def close(self) -> None:
        """Release the networks."""
        self._networks.clear()


class _Network:
    """A net, and what is done to its input."""

    def __init__(self, card: ModelCard) -> None:
        import cv2
        import numpy as np

        deploy, weights = find_caffe_files(card)
        self._card = card
        self._blobs = card.device_blobs
        channels = card.input.shape[1]
        self._mean = _mean_of(card)
        self._scale = np.array(card.input.scale or [1.0] * channels, np.float32).reshape(1, channels, 1, 1)
        try:
            self._net: Any = cv2.dnn.readNetFromCaffe(str(deploy), str(weights))
            layers = self._net.getLayerNames()
        except cv2.error as error:
            raise CardError(f"{deploy}: OpenCV cannot read it with {weights}: {last_line(error)}.") from error
        for blob in self._blobs:
            if blob not in layers:
                raise CardError(
                    f'{deploy}: has no layer "{blob}". OpenCV asks for the layer that is called as its blob is.'
                )

    def run(self, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the values of the outputs."""
        import cv2
        import numpy as np

        if self._card.input.channels_reversed:
            # The compiled network does that itself.
            tensor = tensor[:, ::-1]
        try:
            self._net.setInput((tensor.astype(np.float32) - self._mean) * self._scale, self._card.input.blob)
            found = self._net.forward(self._blobs)
        except cv2.error as error:
            raise DeviceError(f"{self._card.path}: OpenCV cannot run its net: {last_line(error)}.") from error
        return {blob: np.array(values, np.float32) for blob, values in zip(self._blobs, found, strict=True)}


def find_caffe_files(card: ModelCard) -> tuple[Path, Path]:
    """Return the deploy.prototxt and the caffemodel that a card's network was compiled from. Raises CardError."""
    net = card.path.stem
    name = card.source.caffemodel if card.source else None
    if not name:
        raise CardError(f"{card.path}: names no caffemodel, which --device OPENCV reads. Use --device CPU.")
    folder = card.path.parent
    places = [folder / name, folder.parent / "models" / net / name, Path("models") / net / name]
    weights = next((place for place in places if place.is_file()), None)
    if weights is None:
        looked = ", ".join(dict.fromkeys(f"{place.parent}/" for place in places))
        raise CardError(f"{name}: not found (looked in {looked}). Copy it beside {card.path}, or use --device CPU.")
    if card.source and card.source.sha256 and file_hash(weights) != card.source.sha256:
        raise CardError(f"{weights}: is not the file that {card.path} was compiled from. Compile the network again.")
    # The last is the one of this checkout.
    homes = [folder.parent / "prototxt", Path("prototxt"), ROOT / "prototxt"]
    deploys = [folder / f"{net}.prototxt", *(net_files(net, home).deploy for home in homes)]
    deploy = next((place for place in deploys if place.is_file()), None)
    if deploy is None:
        raise CardError(f"{deploys[-1]}: not found. Copy the net's deploy.prototxt to {deploys[0]}.")
    return deploy, weights


def _mean_of(card: ModelCard) -> NDArray[np.float32]:
    """Return the mean of a card's net, 1 x channels x height x width or 1 x channels x 1 x 1. Raises CardError."""
    import numpy as np

    from common.card import mean_hash

    channels, height, width = card.input.shape[1:]
    if card.mean.kind != "image":
        values = card.mean.channel_means if card.mean.kind == "values" else [0.0] * channels
        return np.array(values, np.float32).reshape(1, channels, 1, 1)
    for path in sorted(card.path.parent.glob("*.npy")):
        try:
            mean = read_mean(path)
        except MokaError:
            continue
        if mean_hash(mean) == card.mean.sha256:
            top, left = (mean.shape[1] - height) // 2, (mean.shape[2] - width) // 2
            return mean[None, :, top : top + height, left : left + width].astype(np.float32)
    raise CardError(
        f"{card.path}: its net subtracts a mean image, which --device OPENCV needs. Copy the .npy that compute_image_mean wrote "
        f"into {card.path.parent}/, or use --device CPU."
    )


def look(sysfs: Path = SYSFS) -> Look:
    """Ask OpenCV for its version."""
    try:
        import cv2
    except ImportError as error:
        return Look(False, False, f"OpenCV cannot be loaded ({error})", ("pip install opencv-python-headless",))
    return Look(True, True, f"OpenCV {cv2.__version__}, for nets whose caffemodel is beside their card or in models/")


def open_device(cards: Sequence[ModelCard], precision: str, hint: str) -> OpenCvDevice:
    """Read the nets."""
    return OpenCvDevice(cards)
