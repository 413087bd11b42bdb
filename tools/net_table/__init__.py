"""`python -m tools.net_table` writes the tables of docs/networks.md."""
