"""Market data: daily prices with their provenance, and the gate that keeps bad ones out."""
