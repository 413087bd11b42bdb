"""U-Net."""

from __future__ import annotations

from .writer import Writer


def unet(net: Writer) -> None:
    """Write U-Net (Ronneberger et al. 2015) with one level less, for two classes a pixel.

    Convolutions are not padded, Deconvolution enlarges, and Crop fits what is concatenated.
    """
    top, skips, size = "data", [], net.size
    for level in range(4):
        for half in "ab":
            top = net.conv_relu(f"down{level}{half}", top, net.wide(64 * 2**level), 3)
        size -= 4
        if level < 3:
            skips.append((top, size))
            top, size = net.pool(f"pool{level}", top, 2), -(-size // 2)
    for level in reversed(range(3)):
        channels = net.wide(64 * 2**level)
        up, size = net.relu(net.conv(f"up{level}", top, channels, 2, 2, kind="Deconvolution")), size * 2
        skip, before = skips[level]
        cut = net.add(f"crop{level}", "Crop", [skip, up], f"crop_param {{ axis: 2 offset: {(before - size) // 2} }}")
        top = net.add(f"join{level}", "Concat", [cut, up])
        for half in "ab":
            top = net.conv_relu(f"merge{level}{half}", top, channels, 3)
        size -= 4
    net.classify(net.conv("score", top, 2, 1), 2, (1, size, size))
