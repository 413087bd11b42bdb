"""Hunts for mistakes of the MYRIAD compiler: random nets are compiled and each blob is compared with its IR.

    python -m tools.hunt --count 2000 --seed 0

layers.py draws the settings of a layer, nets.py lets a net grow from them, and __main__.py compiles and compares.
"""
