"""Entry points of the monitoring functions."""
