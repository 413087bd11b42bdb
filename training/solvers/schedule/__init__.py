"""The learning rate of each iteration, and when a training ends."""
