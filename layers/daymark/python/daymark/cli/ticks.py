"""The commands of ticks: a session's synthetic ticks from a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from daymark.cli.terminal import AsJson, errors, print_document, read_date
from daymark.contracts.dbn_records import Action
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput
from daymark.core.sessions import Calendar
from daymark.local.price_history import load_price_history
from daymark.local.sample_people import instruments
from daymark.local.trading_day import TradingDay
from daymark.market_data.price_desk import PriceDesk
from daymark.market_data.replay_file import file_sections
from daymark.market_data.replay_pacing import paced
from daymark.market_data.tick_replay import SYNTHETIC_TICKS, TickReplay, replay_closes

_MOST_ROWS = 65_536
# At a given speed a block spans a tenth of a second of the watcher's time.
_BLOCKS_PER_SECOND = 10

ticks = typer.Typer(help="Synthetic ticks between real closes.", no_args_is_help=True)


def with_ticks(app: typer.Typer) -> typer.Typer:
    """The same command, with these as ``ticks``."""
    app.add_typer(ticks, name="ticks")
    return app


@dataclass
class Replayed:
    """What a replay handed out."""

    session_date: str
    label: str
    symbols: int
    ticks: int = 0
    trades: int = 0
    blocks: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def counted(self, blocks: Iterable[Ticks]) -> Iterator[Ticks]:
        """The same blocks, counted as they pass."""
        for block in blocks:
            self.blocks += 1
            self.ticks += len(block)
            self.trades += int((block.action == Action.TRADE).sum())
            yield block


@ticks.callback()
def group() -> None:
    """Synthetic ticks between real closes."""


@ticks.command()
def replay(
    day: Annotated[str, typer.Argument(metavar="DATE", help="Session to replay.")],
    speed: Annotated[float | None, typer.Option(help="Seconds of the session per second; without it as fast as it goes.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write: .dbn, or .dbn.zst to compress it. Without it ticks are counted.")] = None,
    per_symbol: Annotated[int, typer.Option(help="Ticks of each symbol.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Another seed gives other ticks between the same closes.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Replay a session's ticks: synthetic, between the previous close and the session's own, on which every symbol ends."""
    with errors(as_json):
        session_date = read_date(day)
        TradingDay.refuse_unless_runnable(session_date)
        if out is not None and not out.name.endswith((".dbn", ".dbn.zst")):
            raise InvalidInput(f"out must end in .dbn or .dbn.zst, got {out.name!r}", field="out")
        calendar = Calendar.exchange()
        desk = PriceDesk(load_price_history().archive(), {item.instrument_id: item for item in instruments()}, calendar)
        session = calendar.session(session_date)
        source = TickReplay(session, *replay_closes(desk, calendar, session), ticks_per_symbol=per_symbol, seed=seed)
        replayed = Replayed(session_date.isoformat(), SYNTHETIC_TICKS, len(source.symbols))
        began = time.monotonic()
        blocks = replayed.counted(_blocks(source, speed))
        if out is None:
            for _ in blocks:
                pass
        else:
            replayed.bytes = _write(out, file_sections(source, blocks, compressed=out.name.endswith(".zst")))
        replayed.seconds = round(time.monotonic() - began, 3)
        _show(replayed, out, as_json)


def _blocks(source: TickReplay, speed: float | None) -> Iterator[Ticks]:
    if speed is None:
        return source.blocks(_MOST_ROWS)
    stretch = max(1, int(speed * 1e9 / _BLOCKS_PER_SECOND)) if 0 < speed < float("inf") else None
    return paced(source.blocks(_MOST_ROWS, stretch), source.session_start, speed, time.monotonic, time.sleep)


def _write(out: Path, sections: Iterable[bytes]) -> int:
    """Write a file whole or not at all, and return its size."""
    unfinished = out.with_name(f".{out.name}.part")
    try:
        with unfinished.open("wb") as file:
            size = sum(file.write(section) for section in sections)
        unfinished.replace(out)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}", field="out") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return size


def _show(replayed: Replayed, out: Path | None, as_json: bool) -> None:
    if as_json:
        print_document(asdict(replayed) | {"out": None if out is None else str(out)})
        return
    console = Console()
    console.print(
        f"{replayed.ticks:,} ticks of {replayed.symbols} symbols on {replayed.session_date}, {replayed.trades:,} of them trades; "
        f"every symbol ends on its close",
        highlight=False,
    )
    console.print(f"[dim]{replayed.label}[/]", highlight=False)
    if out is not None:
        console.print(f"{out}: {replayed.bytes:,} bytes", highlight=False)
