"""How good a trained network is: predictions, metrics, plots."""
