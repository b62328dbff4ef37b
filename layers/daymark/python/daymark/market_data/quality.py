"""The price quality gate: a close is used only if it is one positive number, dated and denominated as asked, and believable.

Believable means beside its own history and the market's move that day. Pure: the vendor's rows of one session and the closes of the
sessions before it go in, accepted prices and findings come out. A blocking finding quarantines the instrument's price; a warning only
marks it. :data:`SEVERITY` and the figures below it are the whole policy.

Moves are judged in logarithms, less the market's move (the median over the instruments of the file), so a day on which everything
falls is no defect of any one price. Their size is measured in robust deviations: 1.4826 times the median absolute move against the
market over the last 252 sessions, which one bad print in the history cannot inflate.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from daymark.core.errors import InvalidInput
from daymark.core.money import decimal_of
from daymark.market_data.models import Defect, FloatArray, PricePanel, QualityFinding, Severity
from daymark.market_data.ports import VendorClose

# Every defect blocks ...
SEVERITY: Mapping[Defect, Severity] = dict.fromkeys(Defect, Severity.BLOCK)
# ... save the light form of three: one price sent twice, a price unchanged for a few sessions, a move that is rare but has happened.
LIGHT_SEVERITY: Mapping[Defect, Severity] = dict.fromkeys((Defect.DUPLICATE, Defect.STALE, Defect.JUMP), Severity.WARN)

WINDOW = 252
# +60 % or -37.5 % against the market. From 2005 to 2022 no stock of the sample universe went further (AMD +51 %, 2016-04-22).
BLOCKING_MOVE = float(np.log(1.6))
WARNING_DEVIATIONS = 8.0
# A very quiet or very young instrument is given this much before a move counts as rare (per session).
SMALLEST_DEVIATION, YOUNG_DEVIATION, YOUNG_RETURNS = 0.005, 0.02, 21
# NYSE Rule 7.12 halts trading for the day at -20 %: a file whose median moved further is damaged, not a market.
LARGEST_MARKET_MOVE = float(-np.log(0.8))
MARKET_INSTRUMENTS = 6
SPLIT_RATIOS = (2, 3, 4, 5, 10, 20)
# Half the way between the two nearest ratios (4 and 5): the ordinary move of the day may hide in it.
RATIO_TOLERANCE = float(np.log(5 / 4) / 2)
STALE_WARNING, STALE_BLOCKING = 3, 5
# More than this share unchanged since the session before means that the vendor sent yesterday's file again.
REPEATED_FILE_SHARE = 0.5

_PLAIN_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_RATIOS: tuple[tuple[float, Defect, str], ...] = (
    (float(np.log(100)), Defect.SCALE, "100 times"),
    (float(-np.log(100)), Defect.SCALE, "1/100 of"),
    *((float(np.log(ratio)), Defect.SPLIT, f"{ratio} times") for ratio in SPLIT_RATIOS),
    *((float(-np.log(ratio)), Defect.SPLIT, f"1/{ratio} of") for ratio in SPLIT_RATIOS),
)


@dataclass(frozen=True, slots=True)
class GatedFile:
    """What the gate made of one session's file: prices fit for use, and every finding in order of instrument."""

    accepted: Mapping[str, Decimal]
    findings: tuple[QualityFinding, ...]


def gate_closes(rows: Sequence[VendorClose], session_date: date, history: PricePanel, currencies: Mapping[str, str]) -> GatedFile:
    """Judge the vendor's rows of one session.

    Args:
        rows: As delivered, in file order. Rows of instruments that are not asked for are passed over.
        session_date: The session the file is for.
        history: Closes of the sessions before it, NaN where none was good; instruments it lacks have no history.
        currencies: Currency expected of each instrument that must have a price.

    Returns:
        A price for every instrument without a blocking finding, exactly as written in the file.

    Raises:
        InvalidInput: the history reaches to the session or beyond it: the gate must not see what it judges.
    """
    if history.sessions and history.sessions[-1] >= session_date:
        raise InvalidInput(f"history must end before {session_date}, it reaches {history.sessions[-1]}", field="history")
    delivered: dict[str, list[VendorClose]] = defaultdict(list)
    for row in rows:
        delivered[row.instrument_id].append(row)
    findings: dict[str, list[QualityFinding]] = {}
    prices: dict[str, Decimal] = {}
    for instrument_id, currency in currencies.items():
        price, own = _judge_rows(instrument_id, delivered[instrument_id], session_date, currency)
        findings[instrument_id] = own
        if price is not None:
            prices[instrument_id] = price
    for finding in _against_history(prices, history):
        findings[finding.instrument_id].append(finding)
    accepted = {name: price for name, price in prices.items() if not any(item.severity is Severity.BLOCK for item in findings[name])}
    return GatedFile(accepted, tuple(finding for own in findings.values() for finding in own))


def _finding(instrument_id: str, defect: Defect, detail: str, *, light: bool = False) -> QualityFinding:
    return QualityFinding(instrument_id, defect, (LIGHT_SEVERITY if light else SEVERITY)[defect], detail)


def _judge_rows(
    instrument_id: str, rows: Sequence[VendorClose], session_date: date, currency: str
) -> tuple[Decimal | None, list[QualityFinding]]:
    """What can be said of one instrument's rows by themselves: the price they agree on, if any, and what is wrong with them."""
    if not rows:
        return None, [_finding(instrument_id, Defect.MISSING, f"no row for {session_date}")]
    findings = []
    current = []
    for row in rows:
        if row.session_date == session_date:
            current.append(row)
        else:
            defect = Defect.FUTURE if row.session_date > session_date else Defect.STALE
            findings.append(_finding(instrument_id, defect, f"line {row.line} is dated {row.session_date}, not {session_date}"))
    values: list[Decimal] = []
    for row in current:
        value = _price(row)
        if isinstance(value, Decimal):
            values.append(value)
        else:
            findings.append(value)
        if row.currency != currency:
            findings.append(_finding(instrument_id, Defect.CURRENCY, f"line {row.line} is in {row.currency!r}, expected {currency}"))
    if len(current) > 1:
        lines = ", ".join(f"{row.close!r} on line {row.line}" for row in current)
        agree = len({*values}) == 1 and len(values) == len(current) and len({row.currency for row in current}) == 1
        findings.append(_finding(instrument_id, Defect.DUPLICATE, lines, light=agree))
    return (values[0] if values else None), findings


def _price(row: VendorClose) -> Decimal | QualityFinding:
    """The price a row states, or why it states none. Plain ASCII decimals only: no separators, exponents, spaces or other digits."""
    shown = f"{row.close[:40]!r} on line {row.line}"
    if _INFINITY.fullmatch(row.close):
        return _finding(row.instrument_id, Defect.INFINITE, shown)
    if not _PLAIN_DECIMAL.fullmatch(row.close):
        return _finding(row.instrument_id, Defect.NOT_A_NUMBER, shown)
    try:
        value = decimal_of(row.close, "close")
    except InvalidInput as error:
        return _finding(row.instrument_id, Defect.NOT_A_NUMBER, f"{shown}: {error.message}")
    if value > 0:
        return value
    return _finding(row.instrument_id, Defect.NEGATIVE if value < 0 else Defect.ZERO, shown)


def _against_history(prices: Mapping[str, Decimal], history: PricePanel) -> Iterator[QualityFinding]:
    """What only shows beside earlier closes: moves that are no moves, and prices that do not move."""
    names = [name for name in prices if name in history.instrument_ids]
    if not names or not history.sessions:
        return
    today = np.array([float(prices[name]) for name in names])
    past = history.closes[-WINDOW - 1 :, [history.instrument_ids.index(name) for name in names]]
    past = np.where(np.isfinite(past) & (past > 0), past, np.nan)
    last_good, place = _last_good(past)
    moves = np.log(today) - np.log(last_good)
    market = _market_move(moves[np.newaxis, :])[0]
    deviations = (moves - market) / _robust_deviation(past)
    unchanged = _unchanged_sessions(today, past)
    repeated = len(names) >= MARKET_INSTRUMENTS and float((unchanged > 0).mean()) > REPEATED_FILE_SHARE
    first = len(history.sessions) - len(past)
    for column, name in enumerate(names):
        yield from _stale(name, int(unchanged[column]), repeated=repeated)
        own = float(moves[column] - market)
        since = f"{prices[name]} after {last_good[column]:g} on {history.sessions[first + place[column]]}"
        yield from _jump(name, own, float(market), float(deviations[column]), since)


def _stale(instrument_id: str, unchanged: int, *, repeated: bool) -> Iterator[QualityFinding]:
    if unchanged and repeated:
        yield _finding(instrument_id, Defect.STALE, f"unchanged with over {REPEATED_FILE_SHARE:.0%} of the file: the last file again")
    elif unchanged >= STALE_WARNING:
        yield _finding(instrument_id, Defect.STALE, f"unchanged for {unchanged} sessions", light=unchanged < STALE_BLOCKING)


def _jump(instrument_id: str, own: float, market: float, deviations: float, since: str) -> Iterator[QualityFinding]:
    """A move too large to pass, under the name of the ratio it is near; or one large enough to show."""
    shown = f"{since}: {np.expm1(own):+.1%} against the market's {np.expm1(market):+.1%}"
    if abs(own) > BLOCKING_MOVE:
        distance, defect, ratio = min((abs(own - size), defect, ratio) for size, defect, ratio in _RATIOS)
        if distance <= RATIO_TOLERANCE:
            yield _finding(instrument_id, defect, f"{since}: about {ratio} what the market's {np.expm1(market):+.1%} explains")
        else:
            yield _finding(instrument_id, Defect.JUMP, shown)
    elif abs(deviations) > WARNING_DEVIATIONS:
        yield _finding(instrument_id, Defect.JUMP, f"{shown}, {abs(deviations):.1f} robust deviations", light=True)


def _last_good(past: FloatArray) -> tuple[FloatArray, np.typing.NDArray[np.int64]]:
    """Each column's last close that is not NaN, and its row; a column of nothing but NaN gives NaN."""
    known = ~np.isnan(past)
    place = len(past) - 1 - np.argmax(known[::-1], axis=0)
    return past[place, np.arange(past.shape[1])], place


def _market_move(moves: FloatArray) -> FloatArray:
    """Median move of each row's instruments; zero where they are too few to speak for a market, or it is none a market can make."""
    enough = (~np.isnan(moves)).sum(axis=1) >= MARKET_INSTRUMENTS
    median = np.zeros(len(moves))
    median[enough] = _median(moves[enough], axis=1)
    return np.asarray(np.where(np.abs(median) > LARGEST_MARKET_MOVE, 0.0, median), dtype=np.float64)


def _robust_deviation(past: FloatArray) -> FloatArray:
    """1.4826 MAD of each column's daily moves against the market, floored; a default where there are few of them."""
    moves = np.diff(np.log(past), axis=0)
    own = np.abs(moves - _market_move(moves)[:, np.newaxis])
    count = (~np.isnan(own)).sum(axis=0)
    scale = np.full(past.shape[1], YOUNG_DEVIATION)
    old = count >= YOUNG_RETURNS
    if bool(old.any()):
        # 1.4826 makes the MAD of normal moves their standard deviation; moves against the market have a median near zero already.
        scale[old] = 1.4826 * _median(own[:, old], axis=0)
    return np.asarray(np.maximum(scale, SMALLEST_DEVIATION), dtype=np.float64)


def _median(values: FloatArray, axis: int) -> FloatArray:
    """Median of what is not NaN; numpy's plain median is several times faster where nothing is."""
    median = np.nanmedian if bool(np.isnan(values).any()) else np.median
    return np.asarray(median(values, axis=axis), dtype=np.float64)


def _unchanged_sessions(today: FloatArray, past: FloatArray) -> np.typing.NDArray[np.int64]:
    """How many sessions in a row, back from the last, closed at today's price."""
    return np.asarray(np.cumprod(past[::-1] == today, axis=0).sum(axis=0), dtype=np.int64)
