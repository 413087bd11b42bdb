"""Layers without bottoms that read data."""
