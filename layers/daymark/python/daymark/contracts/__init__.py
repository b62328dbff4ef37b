"""Messages between parts that deploy apart: versioned, shared by producer and consumer."""
