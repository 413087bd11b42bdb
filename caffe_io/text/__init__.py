"""Prototxt as text: its fields, those of forks and older formats, and the place of a layer."""
