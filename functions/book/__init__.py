"""Entry points of the book functions."""
