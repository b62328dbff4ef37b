"""Guards are broken one by one, and some test must fail: ``python -m tests.mutation``."""
