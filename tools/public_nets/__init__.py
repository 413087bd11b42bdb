"""Counts which prototxts of a folder load."""

LOADS = "loads"
NEEDS_CODE = "loads with its own Python layers (--python-layers)"
FORKS_DATA = "loads but for a fork's fields in its data layers, which are refused"
