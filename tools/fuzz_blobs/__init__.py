"""Myriad X blobs without the compiler: written from a description, and damaged for the fuzzer."""

from .damage import kinds

__all__ = ["kinds"]
