"""What each task of the catalogue does: read through ports, call a rule, save a record."""
