"""The report of evaluate as one HTML page that needs no other file."""
