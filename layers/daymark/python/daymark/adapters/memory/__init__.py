"""Ports in memory, for notebooks, tests and simulation; they pass the same contract suite."""
