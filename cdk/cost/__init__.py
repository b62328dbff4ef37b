"""What the deployment costs a month: read from its templates, a dated price list and stated assumptions."""
