"""caffe.draw: a net as a picture, in the style of `./moka draw`. Neither pydot nor graphviz is needed."""

import os

from caffe_io.caffe_pb2 import NetParameter, Phase
from common.files import atomic_file
from training.drawing.net_image import draw_net_image
from training.pycaffe.errors import PycaffeValueError


def draw_net(
    caffe_net: NetParameter,
    rankdir: str = "TB",
    ext: str = "png",
    phase: Phase.ValueType | None = None,
    display_lrm: bool = False,
) -> bytes:
    """Return the picture of a net in the format `ext`: svg, or one of matplotlib's, such as png and pdf.

    `rankdir` and `display_lrm` are taken and ignored: the net is drawn from top to bottom, without learning rates.
    """
    try:
        return draw_net_image(caffe_net, ext, phase)
    except ValueError as error:
        raise PycaffeValueError(f"{ext}: a net cannot be drawn in this format ({error}).") from error


def draw_net_to_file(
    caffe_net: NetParameter,
    filename: str | os.PathLike[str],
    rankdir: str = "TB",
    phase: Phase.ValueType | None = None,
    display_lrm: bool = False,
) -> None:
    """Write the picture of a net, in the format that the file's ending names. An earlier file is replaced."""
    ending = os.fspath(filename).rpartition(".")[2]
    picture = draw_net(caffe_net, rankdir, ending, phase, display_lrm)
    with atomic_file(filename, force=True) as temporary:
        temporary.write_bytes(picture)
