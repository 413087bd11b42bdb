"""Draws nets as tables and pictures, and logs as curves."""
