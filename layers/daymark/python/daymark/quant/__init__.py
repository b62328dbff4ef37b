"""Shared numerics: arrays in, arrays out, no input or output."""
