"""The verbs of `python -m training`, a module each."""
