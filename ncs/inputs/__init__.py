"""The inputs of a compiled net: their shapes and batch, and what training did to its pictures."""
