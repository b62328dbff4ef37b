"""What stacks are composed of; only these create resources."""
