"""What the monitoring routes answer with."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class TicketBody(BaseModel):
    """A ticket that opens one WebSocket."""

    ticket: str = Field(description="Good for one connection. Connect to `url` with `?ticket=` and this text.")
    expires_at: datetime = Field(description="Until when it must have been used: 30 seconds, or less if your token ends sooner.")
    url: str = Field(description="Address of the WebSocket.", examples=["wss://a1b2c3.execute-api.us-east-1.amazonaws.com/live"])
