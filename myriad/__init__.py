"""Myriad X blobs."""
