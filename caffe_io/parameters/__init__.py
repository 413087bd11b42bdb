"""What parameters of layers mean, for every room that computes them."""
