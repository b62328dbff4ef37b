"""What the pipeline runs besides the CDK: the watch over a region that was just changed, and the look for drift."""
