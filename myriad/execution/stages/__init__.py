"""The stages of blobs, one file for each family. Their table is in myriad/execution/table.py."""
