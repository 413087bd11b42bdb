"""Divides the pictures of a data set into parts, and balances the training part."""
