"""Daymark as deployed: one stage per region, stacks that compose, constructs that create."""
