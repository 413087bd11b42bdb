"""What a card holds: the types of its JSON objects and the rules that they must keep. See common/card.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from .cards.host import HostStep
from .cards.outputs import DetectionsOutput, Name, Number, OutputEntry, Size
from .cards.typed_json import JsonObject, rule
from .errors import CardError
from .files import file_hash
from .messages import COMPILE_AGAIN, shape_text

if TYPE_CHECKING:
    from typing_extensions import Self

FORMAT = 1
"""A card of another format would give the same keys another meaning."""
CHANNELS = {"BGR": 3, "RGB": 3, "GRAY": 1}
"""Channel order -> number of channels."""

_HASH = "64 hexadecimal digits"


def wrong_channels(order: str, entry: InputEntry) -> str | None:
    """Return what is expected of an input whose channels do not fit `order`, or None if they do.

    No order fits a picture of 2 or 5 channels, say. Such a network is not wrong, but the runner cannot use it.
    """
    if not entry.is_picture or entry.shape[1] not in CHANNELS.values() or entry.shape[1] == CHANNELS[order]:
        return None
    return f"{CHANNELS[order]} channels, because channel_order is {order}"


# A name without a folder, neither "." nor "..": the files of a network lie beside its card.
FileName = Annotated[
    str, Field(pattern=r"^([^/\x00-\x1f\x7f-\x9f]*[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*|\.{3,})$")
]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LARGEST_MARGIN = 1000
"""Times the face. No picture is as large, so a larger margin is a mistake."""
Margin = (
    Annotated[int, Field(ge=0, le=LARGEST_MARGIN)]
    | Annotated[float, Field(gt=-0.5, le=LARGEST_MARGIN, allow_inf_nan=False)]
)


LARGEST_SIDE = 8192
"""Pixels of a face that is brought to a size, so that a wrong card cannot fill the memory."""
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]


class NetCard(JsonObject):
    """What a net's inputs and outputs mean."""

    name: Name = Field(description="a name: the net")
    channel_order: Literal["BGR", "RGB", "GRAY"] = Field(
        description="BGR, RGB or GRAY: the order of the channels in a picture"
    )
    resize: Literal["stretch"] = Field(description="stretch: how a face is brought to the net's size")
    crop_margin: Margin = Field(
        description="a number above -0.5, at most 1000: the share of a face's size that is added at each side"
    )
    eye_level: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="a share from 0 to 1: the height of the eyes, from the top, in the faces that the net was trained on; "
        "the runner cuts the faces that it finds alike. Without it, 0.375, as cut_faces does",
    )
    outputs: list[OutputEntry] = Field(description="a list with an object for each output")

    @model_validator(mode="after")
    def _name_each_blob_once(self) -> Self:
        blobs = [output.blob for output in self.outputs]
        for number, blob in enumerate(blobs):
            if blob in blobs[:number]:
                raise rule(f'"outputs[{number}].blob" is "{blob}"; expected each output blob once.')
        return self

    @model_validator(mode="after")
    def _keep_frame_whole(self) -> Self:
        if self.sees_frame and self.crop_margin:
            raise rule(
                f'"crop_margin" is {self.crop_margin}; expected 0, because a net that detects sees whole pictures.'
            )
        return self

    @property
    def sees_frame(self) -> bool:
        """Whether the net looks for things in a whole picture. Other nets are shown one face at a time."""
        return any(isinstance(output, DetectionsOutput) for output in self.outputs)


class InputEntry(JsonObject):
    """An input of a compiled network."""

    blob: Name = Field(description="a name: the input blob")
    shape: Annotated[list[Size], Field(min_length=1)] = Field(
        description="a list of sizes of at least 1: for pictures [batch, channels, height, width]"
    )
    layout: Literal["NCHW", "NC", "values"] = Field(description="NCHW, NC or values: NCHW for a picture")
    precision: Literal["U8", "FP16", "FP32"] = Field(description="U8, FP16 or FP32: U8 for a picture")
    channels_reversed: bool = Field(
        default=False,
        description="true or false: whether the network reverses the channels first, so that one trained on RGB is fed BGR",
    )
    mean: list[Number] = Field(
        default=[], description="a list with the mean of each channel, for an input that the card's mean is not about"
    )
    scale: list[Number] = Field(
        default=[], description="a list with the factor of each channel, by which the network multiplies after the mean"
    )
    crop_size: Size | None = Field(
        default=None, description="a size of at least 1: the square that training cut out of each of its pictures"
    )
    resize_to: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description=f"a list [height, width] of sizes from 1 to {LARGEST_SIDE}: to which the runner brings a face before it "
        "takes the centre for the network, because training's pictures were that large before the crop",
    )

    @model_validator(mode="after")
    def _check_picture(self) -> Self:
        if not self.is_picture:
            return self
        if len(self.shape) != 4:
            raise rule(f'"input.shape" is {self.shape}; expected [batch, channels, height, width].')
        if self.precision != "U8":
            raise rule(f'"input.precision" is "{self.precision}"; expected U8 for a picture.')
        if self.resize_to and any(size < taken for size, taken in zip(self.resize_to, self.shape[2:], strict=True)):
            raise rule(
                f'"input.resize_to" is {self.resize_to}; expected no less than the height and width that the network takes, '
                f"{self.shape[2:]}, which are cut out of its centre."
            )
        return self

    @property
    def is_picture(self) -> bool:
        """Whether it takes pictures, as bytes. Other inputs take numbers."""
        return self.layout == "NCHW"


class MeanEntry(JsonObject):
    """The mean that a network subtracts from its input."""

    inside: bool = Field(description="true or false: whether the network itself subtracts the mean")
    kind: Literal["image", "values", "none"] = Field(description="image, values or none: what the mean is")
    sha256: Hash | None = Field(description=f"{_HASH} or null: the SHA-256 of the mean's float32 bytes")
    channel_means: list[Number] = Field(default=[], description="a list with the mean of each channel")

    @model_validator(mode="after")
    def _check_inside(self) -> Self:
        if self.kind != "none" and not self.inside:
            raise rule('"mean.inside" is false; expected true, because the runner feeds raw bytes.')
        return self


class SourceEntry(JsonObject):
    """What a network was compiled from."""

    caffemodel: Name | None = Field(default=None, description="a file name")
    model: Name | None = Field(default=None, description="a file name: a model of another kind than Caffe's")
    sha256: Hash | None = Field(default=None, description=_HASH)


class IrEntry(JsonObject):
    """The OpenVINO IR. A card for the IR of another tool may leave out the hashes."""

    xml: FileName = Field(description="a file name")
    bin: FileName = Field(description="a file name")
    xml_sha256: Hash = Field(default="", description=_HASH)
    bin_sha256: Hash = Field(default="", description=_HASH)
    version: int | None = Field(default=None, description="the version of the IR format")
    precision: str | None = Field(default=None, description="the precision of the weights")
    openvino: str | None = Field(default=None, description="the version of the OpenVINO that wrote it")


class BlobEntry(JsonObject):
    """The Myriad X blob, and how much of the chip it uses."""

    file: FileName = Field(description="a file name")
    openvino: str | None = Field(default=None, description="the version of the OpenVINO that compiled it")
    shaves: int | None = Field(default=None, description="the number of SHAVE cores for each stream")
    cmx_slices: int | None = Field(default=None, description="the number of CMX slices for each stream")
    streams: int | None = Field(default=None, description="the number of inferences that run side by side")
    stages: int | None = Field(default=None, description="the number of stages in the blob")
    bytes: int | None = Field(default=None, description="the size of the blob in bytes")
    sha256: Hash = Field(description=_HASH)


class ModelCard(NetCard):
    """A compiled network: what goes in, what its outputs mean, what it was made from, and its files."""

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)] = Field(description=str(FORMAT))
    input: InputEntry = Field(description="an object that describes the input")
    inputs: list[InputEntry] = Field(default=[], description="a list with all inputs of a network that has several")
    mean: MeanEntry = Field(description="an object that describes the mean")
    source: SourceEntry | None = Field(default=None, description="an object that names the caffemodel or model")
    ir: IrEntry = Field(description="an object that names the files of the IR")
    blob: BlobEntry | None = Field(description="an object that describes the blob, or null if there is none")
    host: list[HostStep] = Field(
        default=[], description="a list of the steps, in order, that this machine computes of what the device gives"
    )
    _path: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        problem = wrong_channels(self.channel_order, self.input)
        if problem:
            raise rule(f'"input.shape" is {self.input.shape}; expected {problem}.')
        return self

    def at(self, path: Path) -> ModelCard:
        """Return this card as read from `path`: the files of the network lie beside it."""
        card = self.model_copy()
        card._path = path
        return card

    @property
    def path(self) -> Path:
        """The file that the card was read from."""
        return self._path

    @property
    def xml_path(self) -> Path:
        """The structure of the IR."""
        return self._path.parent / self.ir.xml

    @property
    def bin_path(self) -> Path:
        """The weights of the IR."""
        return self._path.parent / self.ir.bin

    @property
    def blob_path(self) -> Path | None:
        """The Myriad X blob, or None if there is none."""
        return None if self.blob is None else self._path.parent / self.blob.file

    @property
    def device_blobs(self) -> list[str]:
        """The outputs that the device gives: those of the card, or those that the steps of this machine read."""
        made = {step.output for step in self.host}
        wanted = [blob for step in self.host for blob in step.inputs] + [output.blob for output in self.outputs]
        return [blob for blob in dict.fromkeys(wanted) if blob not in made]

    @property
    def hashes(self) -> dict[Path, str]:
        """File -> SHA-256, for the files whose hash the card holds."""
        hashes = {self.xml_path: self.ir.xml_sha256, self.bin_path: self.ir.bin_sha256}
        if self.blob is not None:
            hashes[self._path.parent / self.blob.file] = self.blob.sha256
        return {file: digest for file, digest in hashes.items() if digest}

    def check_file(self, file: Path) -> None:
        """Raise CardError if `file` cannot be read or is not the one that the card describes.

        This finds a set that was copied in part, and a compile that was killed while it replaced another.
        """
        try:
            found = file_hash(file)
        except OSError as error:
            raise CardError(
                f"{file}: cannot be read ({error.strerror}); {self.path} names it. {COMPILE_AGAIN}"
            ) from None
        if found != self.hashes.get(file, found):
            raise CardError(
                f"{file}: is not the file that {self.path} describes (its SHA-256 differs). "
                f"Copy the whole set, or do this: {COMPILE_AGAIN}"
            )

    @property
    def obstacle(self) -> str | None:
        """Why the runner, which shows each network one picture, cannot use this one. None if it can."""
        if "inputs" in self.model_fields_set:
            return f"takes {len(self.inputs)} inputs"
        if not self.input.is_picture:
            return f"takes {shape_text(self.input.shape)} numbers instead of a picture"
        if self.input.shape[0] > 1:
            return f"takes {self.input.shape[0]} pictures at once (compile it with --batch 1)"
        if self.input.shape[1] not in CHANNELS.values():
            return f"takes pictures of {self.input.shape[1]} channels"
        return None
