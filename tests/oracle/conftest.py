"""The judges of these tests."""

from kits.oracle_layers import judge, one_thread

__all__ = ["judge", "one_thread"]
