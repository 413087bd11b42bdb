"""What cards are made of: JSON objects with types, and the ways to read an output. common/card.py is their face."""
