"""Dependency layers as folders: each lock's wheels, fetched by hash for Lambda's processor, unpacked and pruned. Needs no Docker."""
