"""Pictures of faces: read, checked, resized, cut out."""
