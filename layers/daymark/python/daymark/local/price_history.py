"""The real price history that travels inside two published wheels, as columns and as the vendor archive's files.

What the files truly are: 20 US stocks, **adjusted** daily closes (splits and dividends folded in; no open, high, low or volume) and the
S&P 500 price index, 1990-2022, from ``skfolio``; VIX closes 2014-2018 and Moody's monthly Aaa and Baa yields from ``arch``. Read as
data files of the installed distributions; none of their code is imported.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from daymark.adapters.memory.price_archive import MemoryPriceArchive, vendor_rows
from daymark.contracts.price_files import (
    CloseBlock,
    DailySeries,
    closes_key,
    encode_closes,
    encode_series,
    encode_vendor_file,
    series_key,
    vendor_key,
)
from daymark.core.errors import NotFound, QualityBlocked
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import FloatArray

_STOCKS = "skfolio/datasets/data/sp500_dataset.csv.gz"
_INDEX = "skfolio/datasets/data/sp500_index.csv.gz"
_VIX = "arch/data/vix/vix.csv.gz"
_YIELDS = "arch/data/default/default.csv.gz"
_MISSING = frozenset({"", ".", "NaN"})


@dataclass(frozen=True)
class PriceHistoryFiles:
    """The whole history: closes of every session in ``block``, dated series by name, and what the closes are."""

    block: CloseBlock
    series: Mapping[str, DailySeries]
    label: PriceLabel = PriceLabel.ADJUSTED_CLOSE
    currency: str = "USD"

    def archive(self) -> MemoryPriceArchive:
        """The history as an archive in memory."""
        return MemoryPriceArchive(self.block, self.series, self.currency)

    def files(self, vendor_sessions: Sequence[date] = ()) -> Iterator[tuple[str, bytes]]:
        """Every file to upload, as (key, content): closes per year, series, and the vendor file of each session asked for."""
        years = self.block.sessions.astype("datetime64[Y]")
        for year in np.unique(years):
            rows = years == year
            block = CloseBlock(self.block.sessions[rows], self.block.instrument_ids, self.block.closes[rows])
            yield closes_key(int(str(year))), encode_closes(block)
        for name, series in self.series.items():
            yield series_key(name), encode_series(series)
        for session_date in vendor_sessions:
            yield vendor_key(session_date), self.vendor_file(session_date)

    def vendor_file(self, session_date: date) -> bytes:
        """One session's vendor file, written from the closes.

        Raises:
            NotPublished: the history has no such session.
        """
        return encode_vendor_file(vendor_rows(self.block, session_date, self.currency))


def load_price_history() -> PriceHistoryFiles:
    """Read the history out of the installed wheels.

    Raises:
        NotFound: a wheel or its file is not installed.
        QualityBlocked: a file holds a line that cannot be read, or one date twice with different values.
    """
    stocks = read_columns(*_read("skfolio", _STOCKS))
    index = read_columns(*_read("skfolio", _INDEX))
    vix = read_columns(*_read("arch", _VIX))
    yields = read_columns(*_read("arch", _YIELDS))
    series = {
        "SP500": _series("SP500", index, "SP500", "S&P 500 price index, daily close, from skfolio's sp500_index"),
        "VIX": _series("VIX", vix, "vix", "CBOE Volatility Index, daily close, from arch's vix"),
        "AAA": _series("AAA", yields, "AAA", "Moody's seasoned Aaa corporate yield, monthly average in percent, from arch's default"),
        "BAA": _series("BAA", yields, "BAA", "Moody's seasoned Baa corporate yield, monthly average in percent, from arch's default"),
    }
    return PriceHistoryFiles(CloseBlock(stocks.dates, stocks.names, stocks.values), series)


@dataclass(frozen=True)
class Columns:
    """A dated table: ``dates`` ``(n,)`` datetime64[D], strictly rising; ``values`` ``(n, len(names))``, NaN where blank."""

    names: tuple[str, ...]
    dates: np.typing.NDArray[np.datetime64]
    values: FloatArray


def read_columns(text: str, origin: str) -> Columns:
    r"""A CSV whose first column is a date (``2018-02-05`` or ``2/5/2018``) and whose others are numbers; ``.`` and blank are NaN.

    The same line twice counts once; lines may come in any order.

    Raises:
        QualityBlocked: a line cannot be read, or one date comes twice with different values; ``field`` names the file and line.

    >>> read_columns("Date,vix\n2/5/2018,37.32\n2/2/2018,.\n2/5/2018,37.32\n", "vix").values.tolist()
    [[nan], [37.32]]
    """
    header, *lines = text.splitlines()
    names = tuple(header.split(",")[1:])
    rows: dict[date, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        day, *cells = line.split(",")
        place = f"{origin}:{number}"
        if len(cells) != len(names):
            raise QualityBlocked(f"{place} has {len(cells)} values, expected {len(names)}", field=place)
        if rows.setdefault(_date(day, place), tuple(cells)) != tuple(cells):
            raise QualityBlocked(f"{place} repeats {day} with other values", field=place)
    dates = sorted(rows)
    values = np.array([[_number(cell, origin, day) for cell in rows[day]] for day in dates], dtype=np.float64)
    return Columns(names, np.array(dates, dtype="datetime64[D]"), values.reshape(len(dates), len(names)))


def _date(text: str, place: str) -> date:
    try:
        if "/" in text:
            month, day, year = text.split("/")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text)
    except ValueError:
        raise QualityBlocked(f"{place}: {text!r} is no date", field=place) from None


def _number(cell: str, origin: str, day: date) -> float:
    if cell in _MISSING:
        return float("nan")
    try:
        number = float(cell)
    except ValueError:
        number = float("inf")
    if not np.isfinite(number):
        raise QualityBlocked(f"{origin} on {day}: {cell!r} is no number", field=f"{origin}:{day}")
    return number


def _series(name: str, columns: Columns, column: str, source: str) -> DailySeries:
    values = columns.values[:, columns.names.index(column)]
    published = ~np.isnan(values)
    return DailySeries(name, columns.dates[published], values[published], source)


def _read(package: str, path: str) -> tuple[str, str]:
    """The text of one gzipped data file of an installed distribution, and its path."""
    try:
        content = Path(str(distribution(package).locate_file(path))).read_bytes()
    except (PackageNotFoundError, FileNotFoundError):
        raise NotFound(f"the price history needs {package} ({path}): install requirements/prices.txt", field=package) from None
    return gzip.decompress(content).decode("utf-8"), path
