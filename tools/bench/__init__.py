"""What is timed: the project beside the originals, and beside other ways of doing the same."""
