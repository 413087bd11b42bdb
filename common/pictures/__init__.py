"""What picture files say about themselves."""
