"""Faces cut out of the pictures of a data set: the verb cut_faces and its record."""
