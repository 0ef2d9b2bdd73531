"""A network driver a file: options and two pure planning functions."""
