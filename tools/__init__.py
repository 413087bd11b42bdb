"""Tool-chain set-up, benchmarks and the built-in sample faces: may import every room, imported by none."""
