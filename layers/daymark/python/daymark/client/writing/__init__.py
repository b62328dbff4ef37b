"""Writes the typed client from the checked-in description: ``make openapi`` runs it.

The text is formatted as ``ruff format`` would, and depends on the description alone.
"""
