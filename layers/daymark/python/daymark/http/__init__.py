"""The REST interface; the only importers of FastAPI."""
