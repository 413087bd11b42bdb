"""Measures the ways to send many faces through a network. `.venv/bin/python -m tools.bench_devices --help`."""
