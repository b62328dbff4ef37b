"""Ports over S3 buckets."""
