"""Compares a new blob with its IR: the blob is computed here, and OpenVINO's CPU plugin computes the IR.

inputs.py draws what both are fed, ir.py reads the IR, dump.py knows which layer each stage was made for. held.py runs the blob
and keeps the results of its layers; pieces.py computes each layer from what the blob held before it; check.py decides.
"""

from .check import Check, check_blob

__all__ = ["Check", "check_blob"]
