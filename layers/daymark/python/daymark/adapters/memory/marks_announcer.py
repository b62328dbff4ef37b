"""Announcements of marks in memory."""

from __future__ import annotations

from daymark.contracts.marks_moved import MarksMoved


class MemoryMarksAnnouncer:
    """A ``MarksAnnouncer`` in memory.

    Attributes:
        told: What was announced so far, in order.
    """

    def __init__(self) -> None:
        self.told: list[MarksMoved] = []

    def announce(self, moved: MarksMoved) -> None:
        """Tell that a bucket's board went on."""
        self.told.append(moved)
