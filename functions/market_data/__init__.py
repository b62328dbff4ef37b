"""Entry points of the market data functions."""
