"""How a sample face is drawn: a person (person.py), its proportions (shape.py), its features and hair (features.py,
hair.py) and the canvas under them (canvas.py). The list of steps is in tools/sample_faces.py."""
