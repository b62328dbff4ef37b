"""The daymark command; left out of the deployed layer."""
