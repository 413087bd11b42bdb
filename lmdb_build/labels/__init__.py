"""Several labels for each picture: their database, and labels that are distributions."""
