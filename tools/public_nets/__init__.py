"""Counts which prototxts of a folder load."""

NEEDS_CODE = "loads with its own Python layers (--python-layers)"
LOADS = "loads"
