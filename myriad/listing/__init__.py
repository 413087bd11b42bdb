"""What is in a blob, for people and for programs: text, JSON, a picture of the memory, and how two blobs differ."""
