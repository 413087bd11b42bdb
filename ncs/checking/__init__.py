"""Compares a new blob with its IR: the blob is computed here, and OpenVINO's CPU plugin computes the IR.

inputs.py makes what both are fed (pictures.py reads those of the user), ir.py reads the IR, dump.py knows which layer each stage
was made for. held.py runs the blob and keeps the results of its layers. pieces.py computes each layer from what the blob held
before it, and rounding.py shows what rounding may change. check.py decides.
"""

from .check import Check, check_blob
from .pictures import Picture, read_pictures

__all__ = ["Check", "Picture", "check_blob", "read_pictures"]
