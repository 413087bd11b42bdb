"""Hands hostile inputs to every command: wrong files, absurd numbers, strange surroundings.

    python -m tools.hostile [--only PATTERN] [--every N [--skip N]] [--keep DIR]

Each case is one command in a folder of its own. Most must end with exit code 1 or 2 and one message, within seconds and a few
hundred megabytes, and leave every file as it was. cases.py says what a case is; the modules beside it hold the tables.
"""
