"""Ports over DynamoDB tables."""
