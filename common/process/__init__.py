"""This process: how it starts and ends, its signals, its standard streams, its memory."""
