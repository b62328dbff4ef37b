"""Daily operations: five phases, one task catalogue, one loop that plans, performs and records."""
