"""Makes trained nets smaller and faster: low rank for weights, fewer channels."""
