"""Draws a sample face, step by step; tools/sample_faces.py lists the steps.

person.py                                           who it is: every trait, drawn from age, gender and chance
shape.py                                            the proportions of the face
backdrop.py, skin.py, features.py, hair.py, beard.py    the steps
canvas.py                                           the canvas, and the pose of the head
"""
