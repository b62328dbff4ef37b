"""Portfolios, positions, lots and marks."""
