"""Fits the constants of myriad/cost/ to published frame rates, and writes the tables of docs/myriad_blob.md about them."""
