"""Stacks: each composes constructs and hands on what others need."""
