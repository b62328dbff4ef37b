"""The embedded cloud on one machine; left out of the deployed layer."""
