"""One deployable unit per region."""
