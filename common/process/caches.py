"""Where libraries keep what they want to find again: in the checkout, not in the home folder."""

from __future__ import annotations

import logging
import os

from ..places import ROOT

_FOLDERS = {
    # Matplotlib's list of fonts.
    "MPLCONFIGDIR": "matplotlib",
    # What the driver of a GPU compiles.
    "CUDA_CACHE_PATH": "cuda",
}


def keep_caches_in_the_checkout() -> None:
    """Set the variables that say so, unless the user has. The libraries do without if the checkout cannot be written."""
    for variable, name in _FOLDERS.items():
        os.environ.setdefault(variable, str(ROOT / ".cache" / name))
    # Matplotlib then takes a temporary folder, and a warning about it helps nobody.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
