"""What a report consists of: sections of figures, tables and charts, already in words; every format draws this same model.

A report is pure data: the same day's records make an equal report, and no clock is asked. Amounts are written to the cent with
a true minus sign, so that columns align and no sign is lost in print.
"""

from __future__ import annotations

from calendar import month_name
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from daymark.core.errors import InvalidInput
from daymark.core.money import to_cents

MINUS, NONE = "\u2212", "\u2013"


class Tone(StrEnum):
    """How a piece of text is meant; a format decides how that looks."""

    PLAIN = "plain"
    SOFT = "soft"
    LOSS = "loss"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; ``note`` stands small beneath or beside the text."""

    text: str
    tone: Tone = Tone.PLAIN
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, whether its cells are numbers (set flush right), and its share of the width."""

    heading: str
    is_number: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; ``total`` closes the table, ``empty`` stands in when there are no rows."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    empty: str = ""

    def __post_init__(self) -> None:
        for row in (*self.rows, *((self.total,) if self.total else ())):
            if len(row) != len(self.columns):
                raise InvalidInput(f"a row has {len(row)} cells under {len(self.columns)} columns", field="rows")


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline number."""

    label: str
    text: str
    note: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Figures:
    """Headline numbers side by side."""

    items: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """Value and drawdown over sessions; ``values`` in currency, ``drawdowns`` as fractions not above zero, all of one length."""

    sessions: tuple[date, ...]
    values: tuple[float, ...]
    drawdowns: tuple[float, ...]
    alternative: str


@dataclass(frozen=True, slots=True)
class ContributionChart:
    """What each holding added to the day's result, in currency, largest gain first."""

    labels: tuple[str, ...]
    amounts: tuple[float, ...]
    alternative: str


@dataclass(frozen=True, slots=True)
class Span:
    """When a task ran, in seconds since its phase was opened."""

    phase: str
    task: str
    begin_seconds: float
    end_seconds: float
    status: str


@dataclass(frozen=True, slots=True)
class TimelineChart:
    """When each task of a phase ran."""

    spans: tuple[Span, ...]
    alternative: str


Block = Figures | Table | Paragraph | HistoryChart | ContributionChart | TimelineChart


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part; ``lead`` says in a sentence what it shows."""

    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Attributes:
        kind: ``"Daily portfolio report"`` or the like.
        title: What it is about.
        subtitle: Whose it is.
        facts: ``(name, text)`` pairs beneath the title.
        statement: What the data is, real or synthetic; stands on every page.
    """

    kind: str
    title: str
    subtitle: str
    session_date: date
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    statement: str


def money(amount: Decimal | str, *, signed: bool = False) -> str:
    """An amount to the cent with thousands parted; with ``signed`` a gain carries its sign too.

    >>> money("1234567.5"), money("-0.005"), money("12", signed=True), money("-12")
    ('1,234,567.50', '0.00', '+12.00', '−12.00')
    """
    cents = to_cents(Decimal(amount))
    return _signed(f"{abs(cents):,.2f}", cents, signed)


def aligned(numbers: Sequence[Decimal | str]) -> list[str]:
    """Numbers of one column with as many decimals as its longest needs, so that their decimal points stand in line.

    >>> aligned(["1200.0000", "0.2500", "7"])
    ['1,200.00', '0.25', '7.00']
    """
    values = [Decimal(number).normalize() for number in numbers]
    places = max((max(-int(value.as_tuple().exponent), 0) for value in values), default=0)
    return [_signed(f"{abs(value):,.{places}f}", value, signed=False) for value in values]


def percent(fraction: float, decimals: int = 2, *, signed: bool = False) -> str:
    """A fraction in percent.

    >>> percent(0.12345), percent(-0.00001), percent(0.01, signed=True), percent(-0.041, 1)
    ('12.34%', '0.00%', '+1.00%', '−4.1%')
    """
    scaled = (Decimal(repr(float(fraction))) * 100).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    return _signed(f"{abs(scaled):.{decimals}f}%", scaled, signed)


def _signed(text: str, number: Decimal, signed: bool) -> str:
    if number < 0:
        return MINUS + text
    return f"+{text}" if signed and number > 0 else text


def long_date(day: date) -> str:
    """A date as a reader writes it.

    >>> long_date(date(2018, 2, 5))
    '5 February 2018'
    """
    return f"{day.day} {month_name[day.month]} {day.year}"


def tone_of(text: str) -> Tone:
    """The tone of a loss for a number that is written with a minus sign; a loss that rounds to nothing is none."""
    return Tone.LOSS if text.startswith(MINUS) else Tone.PLAIN


def money_cell(amount: Decimal | str, *, signed: bool = False) -> Cell:
    """An amount, in the tone of a loss if signs are shown and it is one."""
    text = money(amount, signed=signed)
    return Cell(text, tone_of(text) if signed else Tone.PLAIN)


def percent_cell(fraction: float, decimals: int = 2, *, signed: bool = False) -> Cell:
    """A fraction in percent, in the tone of a loss if signs are shown and it is one."""
    text = percent(fraction, decimals, signed=signed)
    return Cell(text, tone_of(text) if signed else Tone.PLAIN)


def signed_figure(label: str, text: str, note: str) -> Figure:
    """A headline number whose sign sets its tone."""
    return Figure(label, text, note, tone_of(text))


def cells(*texts: str) -> tuple[Cell, ...]:
    """Plain cells."""
    return tuple(Cell(text) for text in texts)


def numbers(*headings: str, share: float = 1.0) -> tuple[Column, ...]:
    """Number columns."""
    return tuple(Column(heading, is_number=True, share=share) for heading in headings)


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun.

    >>> counted(1, "break"), counted(0, "breach", "breaches")
    ('1 break', 'no breaches')
    """
    return f"{count or 'no'} {noun if count == 1 else plural or noun + 's'}"


def missing(what: str) -> tuple[Block, ...]:
    """What stands where a task left no result."""
    return (Paragraph(f"{what} is not available for this day: the task that makes it did not succeed.", Tone.ALERT),)


def is_whole(series: Sequence[float]) -> bool:
    """Whether a series can be drawn: at least two points."""
    return len(series) >= 2
