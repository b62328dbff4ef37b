"""Monitoring over REST: the ticket that opens a WebSocket."""
