"""Daymark: a wealth manager's trading day, from pre-market to post-market, on real prices."""

__version__ = "0.1.0"
