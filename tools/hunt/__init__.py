"""Hunts for mistakes of the MYRIAD compiler: random nets are compiled and each blob is compared with its IR.

    python -m tools.hunt --count 2000 --seed 0

layers.py draws the settings of a layer; windows.py and arrangement.py draw some of them. nets.py lets a net grow from layers, and
hunter.py compiles and compares.
"""
