"""The backup file: canonical rows, a manifest that is held to, damage refused by name, and the earlier version still read."""

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import (
    AccountKind,
    CashEntry,
    CashKind,
    Goal,
    Household,
    Portfolio,
    PortfolioMark,
    PortfolioRecord,
    PositionMark,
    Target,
)
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel
from daymark.operations.backup import Book, Manifest, describe, export, restore_book, stored_rows
from daymark.operations.backup_comparison import differences, in_order
from daymark.operations.backup_fields import decimal_text
from daymark.operations.backup_rows import ChainEnd, RowKind, write_row

D = Decimal
SESSION = date(2018, 2, 5)
PORTFOLIO = Portfolio(
    "northstar", "P-1", "H-1", "adviser.ben.northstar", "Growth – Ångström", AccountKind.TAXABLE, date(2012, 1, 3), "us-east-1",
    (Target("AAPL", D("0.60")), Target("BOND-AAA", D("0.30"))), custodian_account="ACC-1", drift_band=D("0.05"),
)  # fmt: skip
BOOK = Book(
    "northstar",
    (Household("northstar", "H-1", "Lovelace", "adviser.ben.northstar", (Goal("G-1", "College", D("120000.00"), date(2030, 9, 1)),)),),
    (
        PortfolioRecord(
            PORTFOLIO,
            (
                Lot("L-2", "P-1", "AAPL", date(2017, 1, 3), D("10.5000"), D("300.10"), (Disposal(SESSION, D("4"), D("640.00")),)),
                Lot("L-1", "P-1", "BOND-AAA", date(2016, 1, 4), D("20"), D("2000"), (), date(2015, 12, 1)),
            ),
            (
                CashEntry("C-2", "P-1", SESSION, CashKind.FEE, D("-1.25")),
                CashEntry("C-1", "P-1", SESSION, CashKind.COUPON, D("40.00"), "BOND-AAA"),
            ),
        ),
    ),
)


WHOLE = replace(
    BOOK,
    instruments=(
        Instrument("AAPL", InstrumentKind.EQUITY, "Apple Inc.", AssetClass.EQUITY, sector="Technology",
                   identifiers=(Identifier(IdentifierScheme.CUSIP, "037833100"),)),
        Instrument("BOND-AAA", InstrumentKind.BOND, "Sample bond", AssetClass.FIXED_INCOME,
                   bond=BondTerms(D("0.0400"), date(2035, 6, 15), "AAA")),
    ),
    marks=(
        PortfolioMark(
            "northstar", "P-1", SESSION, D("38.75"),
            (PositionMark("AAPL", AssetClass.EQUITY, D("6.5"), D("37.094"), D("241.11"), D("185.78"), SESSION, PriceLabel.ADJUSTED_CLOSE),),
            D("279.86"), 2,
        ),
    ),
    day_records=(
        DayRecord("northstar", SESSION, "MARKET_CLOSE", RecordKind.DRIFT, "P-1", {"rows": [{"weight": 0.1}], "text": "é\n"}, 2),
        DayRecord("northstar", SESSION, "PRE_MARKET", RecordKind.LIMITS, "P-1", {"breaches": []}),
    ),
    chains=(ChainEnd("northstar", SESSION, "PRE_MARKET", 2, "a" * 64),),
)  # fmt: skip


def exported(book, session=SESSION):
    return export(book.tenant, session, book.rows())


def lines_of(content):
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def repacked(change):
    """The exported rows with a change, compressed and described anew, so that only the change itself can be refused."""
    backup = exported(WHOLE)
    lines = lines_of(backup.content)
    change(lines)
    content = gzip.compress("\n".join(map(json.dumps, lines)).encode())
    return content, replace(backup.manifest, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


# As version 1 wrote it; by hand.
VERSION_1 = {
    "schema": "daymark/book", "version": 1, "tenant": "northstar", "session_date": "2018-02-05",
    "households": [{"tenant": "northstar", "household_id": "H-1", "name": "Lovelace", "adviser_id": "adviser.ben.northstar",
                    "goals": [{"goal_id": "G-1", "name": "College", "amount": "120000", "due": "2030-09-01"}]}],
    "portfolios": [{
        "portfolio": {
            "tenant": "northstar", "portfolio_id": "P-1", "household_id": "H-1", "adviser_id": "adviser.ben.northstar", "name": "Growth",
            "account": "taxable", "inception": "2012-01-03", "home_region": "us-east-1",
            "targets": [{"instrument_id": "AAPL", "weight": "0.6"}], "currency": "USD", "custodian_account": "ACC-1", "drift_band": "0.05",
            "minimum_trade": "250", "position_limit": "0.25", "sector_limit": "0.45", "benchmark_equity": "0.6",
        },
        "lots": [{"lot_id": "L-1", "portfolio_id": "P-1", "instrument_id": "AAPL", "acquired": "2017-01-03", "quantity": "10.5",
                  "cost_basis": "300.1", "holding_start": None,
                  "disposals": [{"disposed": "2018-02-05", "quantity": "4", "proceeds": "640"}]}],
        "cash": [{"entry_id": "C-1", "portfolio_id": "P-1", "booked": "2018-02-05", "kind": "fee",
                  "amount": "-1.25", "instrument_id": None}],
    }],
}  # fmt: skip


def version_1(change=lambda document: None, counts=(1, 1, 1, 1)):
    """A file and a manifest as version 1 left them."""
    document = json.loads(json.dumps(VERSION_1))
    change(document)
    content = gzip.compress(json.dumps(document).encode())
    manifest = {
        "schema": "daymark/book", "version": 1, "tenant": "northstar", "session_date": "2018-02-05",
        "sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
        **dict(zip(("households", "portfolios", "lots", "cash_entries"), counts, strict=True)),
    }  # fmt: skip
    return content, Manifest.from_bytes(json.dumps(manifest).encode())


def test_everything_is_restored_with_rows_sorted():
    backup = exported(WHOLE)
    restored = restore_book(backup.content, backup.manifest)
    record = WHOLE.records[0]
    assert restored == replace(WHOLE, records=(replace(record, lots=record.lots[::-1], cash=record.cash[::-1]),))
    assert list(differences(WHOLE.rows(), restored.rows())) == []
    assert backup.manifest.counts == {
        "instrument": 2, "household": 1, "portfolio": 1, "mark": 1, "record": 2, "chain": 1, "lots": 2, "cash_entries": 2,
    }  # fmt: skip
    assert Manifest.from_bytes(backup.manifest.to_bytes()) == backup.manifest == describe(backup.content)
    assert exported(restored) == backup


def test_the_file_is_lines_whose_digests_anybody_can_compute():
    backup = exported(WHOLE)
    first, *lines = gzip.decompress(backup.content).decode().split("\n")[:-1]
    assert json.loads(first) == {"schema": "daymark/book", "version": 2, "tenant": "northstar", "session_date": "2018-02-05"}
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["instrument", "instrument", "household", "portfolio", "mark", "record", "record", "chain"]
    for kind in RowKind:
        text = "".join(f"{line}\n" for line, own in zip(lines, kinds, strict=True) if own == kind)
        assert backup.manifest.digests[kind] == hashlib.sha256(text.encode()).hexdigest()


def test_the_same_book_gives_the_same_bytes_whatever_the_order_and_notation():
    record = WHOLE.records[0]
    shuffled = replace(record, lots=record.lots[::-1], cash=record.cash[::-1])
    renoted = replace(shuffled, lots=(shuffled.lots[0], replace(shuffled.lots[1], quantity=D("1.05E+1"))))
    turned = replace(WHOLE, records=(renoted,), instruments=WHOLE.instruments[::-1], day_records=WHOLE.day_records[::-1])
    one, other = exported(WHOLE), exported(turned)
    assert one == other
    # RFC 1952: no time stamp (bytes 4-7) and no system (byte 9 is 255), so the bytes are the same on every machine.
    assert one.content[4:8] == b"\0\0\0\0" and one.content[9] == 255
    assert exported(WHOLE, date(2018, 2, 6)).content != one.content


def test_decimals_have_one_text():
    texts = [decimal_text(D(text)) for text in ("1.50", "1E+3", "-0.00", "0.0001", "100", "-2.10")]
    assert texts == ["1.5", "1000", "0", "0.0001", "100", "-2.1"]


def test_a_truncated_or_altered_file_is_refused_by_name():
    backup = exported(WHOLE)
    flipped = bytearray(backup.content)
    flipped[len(flipped) // 2] ^= 1
    for content, field in ((backup.content[:-1], "size"), (b"", "size"), (bytes(flipped), "sha256")):
        with pytest.raises(InvalidInput) as caught:
            restore_book(content, backup.manifest)
        assert caught.value.field == field


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip at all",
        gzip.compress(b"no json"),
        gzip.compress(b"[]"),
        gzip.compress(b"{}")[:-4],
        gzip.compress(b'{"a":1,"a":2}'),
        gzip.compress(b""),
    ],
    ids=["no gzip", "no json", "an array", "cut short", "a key twice", "empty"],
)
def test_a_file_that_matches_its_digest_but_is_no_book_is_refused(content):
    manifest = replace(exported(WHOLE).manifest, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    with pytest.raises(InvalidInput) as caught:
        restore_book(content, manifest)
    assert caught.value.field == "content"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda rows: rows[0].update(version=3), "version"),
        (lambda rows: rows[0].update(version=1), "version"),
        (lambda rows: rows[0].update(schema="daymark/marks"), "schema"),
        (lambda rows: rows[0].update(tenant="harbor"), "tenant"),
        (lambda rows: rows[0].update(session_date="2018-02-06"), "session_date"),
        (lambda rows: rows[0].update(extra=1), "extra"),
        (lambda rows: rows[1].update(kind="client"), "kind"),
        (lambda rows: rows[1].update(extra=1), "extra"),
        (lambda rows: rows[1].pop("row"), "row"),
        (lambda rows: rows[1]["row"]["identifiers"][0].update(value="037833101"), "instrument[0].identifiers[0].value"),
        (lambda rows: rows[2]["row"].update(bond=None), "instrument[1].bond"),
        (lambda rows: rows[2]["row"]["bond"].update(payments_per_year="2"), "instrument[1].bond.payments_per_year"),
        (lambda rows: rows[3]["row"].update(tenant="harbor"), "household[0].tenant"),
        (lambda rows: rows[4]["row"]["lots"][0].update(quantity="-1"), "portfolio[0].lots[0].quantity"),
        (lambda rows: rows[5]["row"].update(value="280.00"), "mark[0].value"),
        (lambda rows: rows[5]["row"]["positions"][0].update(label="guessed"), "mark[0].positions[0].label"),
        (lambda rows: rows[6]["row"].update(body=[]), "record[0].body"),
        (lambda rows: rows[7]["row"].update(kind="gossip"), "record[1].kind"),
        (lambda rows: rows[8]["row"].update(entries=True), "chain[0].entries"),
        (lambda rows: rows[8]["row"].pop("last_hash"), "chain[0].last_hash"),
        (lambda rows: rows.insert(2, rows[1]), "instrument AAPL"),
        (lambda rows: rows.reverse() or rows.insert(0, rows.pop()), "record 2018-02-05 limits PRE_MARKET P-1"),
        (lambda rows: rows.pop(), "manifest.counts.chain"),
        (lambda rows: rows[4]["row"]["lots"].pop(), "manifest.counts.lots"),
        (lambda rows: rows[8]["row"].update(last_hash="b" * 64), "manifest.digests.chain"),
        (lambda rows: rows[6]["row"]["body"].update(text="e"), "manifest.digests.record"),
    ],
)
def test_a_row_out_of_its_rule_is_refused_by_path(change, field):
    content, manifest = repacked(change)
    with pytest.raises(InvalidInput) as caught:
        restore_book(content, manifest)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.update(version=2), "version"),
        (lambda d: d.update(schema="daymark/marks"), "schema"),
        (lambda d: d.update(tenant="harbor"), "tenant"),
        (lambda d: d.update(session_date="2018-02-06"), "session_date"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.pop("households"), "households"),
        (lambda d: d["households"].clear(), "manifest.counts.household"),
        (lambda d: d["households"].append(d["households"][0]), "households[1]"),
        (lambda d: d["households"][0].update(tenant="harbor"), "households[0].tenant"),
        (lambda d: d["households"][0]["goals"][0].update(amount="x"), "households[0].goals[0].amount"),
        (lambda d: d["portfolios"][0]["portfolio"].update(tenant="harbor"), "portfolios[0].portfolio.tenant"),
        (lambda d: d["portfolios"][0]["portfolio"].update(account="offshore"), "portfolios[0].portfolio.account"),
        (lambda d: d["portfolios"][0]["portfolio"].update(name=3), "portfolios[0].portfolio.name"),
        (lambda d: d["portfolios"][0]["portfolio"]["targets"].append(["AAPL", "1"]), "portfolios[0].portfolio.targets[1]"),
        (lambda d: d["portfolios"][0]["portfolio"]["targets"][0].update(weight="2"), "portfolios[0].portfolio.targets[0].weight"),
        (lambda d: d["portfolios"][0]["lots"].pop(), "manifest.counts.lots"),
        (lambda d: d["portfolios"][0]["lots"].append(d["portfolios"][0]["lots"][0]), "portfolios[0].lots[1]"),
        (lambda d: d["portfolios"][0]["lots"][0].update(quantity="-1"), "portfolios[0].lots[0].quantity"),
        (lambda d: d["portfolios"][0]["lots"][0].update(quantity=1.5), "portfolios[0].lots[0].quantity"),
        (lambda d: d["portfolios"][0]["lots"][0].update(portfolio_id="P-2"), "portfolios[0].lots[0].portfolio_id"),
        (lambda d: d["portfolios"][0]["lots"][0].pop("holding_start"), "portfolios[0].lots[0].holding_start"),
        (lambda d: d["portfolios"][0]["lots"][0].update(note=""), "portfolios[0].lots[0].note"),
        (lambda d: d["portfolios"][0]["lots"].__setitem__(0, None), "portfolios[0].lots[0]"),
        (lambda d: d["portfolios"][0].update(lots="L-1"), "portfolios[0].lots"),
        (lambda d: d["portfolios"][0]["cash"][0].update(booked="05.02.2018"), "portfolios[0].cash[0].booked"),
        (lambda d: d["portfolios"][0]["cash"][0].update(amount="0.001"), "portfolios[0].cash[0].amount"),
        (lambda d: d["portfolios"][0]["cash"][0].update(portfolio_id="P-2"), "portfolios[0].cash[0].portfolio_id"),
        (lambda d: d["portfolios"][0]["cash"].append(d["portfolios"][0]["cash"][0]), "portfolios[0].cash[1]"),
    ],
)
def test_a_field_of_version_1_out_of_its_rule_is_refused_by_path(change, field):
    content, manifest = version_1(change)
    with pytest.raises(InvalidInput) as caught:
        restore_book(content, manifest)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 3}, "version"),
        ({"version": True}, "version"),
        ({"schema": "x"}, "schema"),
        ({"counts": {"lots": "2"}}, "manifest.counts.lots"),
        ({"digests": []}, "manifest.digests"),
        ({"size": True}, "manifest.size"),
        ({"note": 1}, "manifest.note"),
    ],
)
def test_another_manifest_is_refused_by_name(change, field):
    document = json.loads(exported(WHOLE).manifest.to_bytes()) | change
    with pytest.raises(InvalidInput) as caught:
        Manifest.from_bytes(json.dumps(document).encode())
    assert caught.value.field == field
    for content in (b"", b"[]", b"{"):
        with pytest.raises(InvalidInput):
            Manifest.from_bytes(content)


def test_version_1_is_still_read_and_held_to_its_manifest():
    content, manifest = version_1()
    restored = restore_book(content, manifest)
    (record,) = restored.records
    assert (record.lots[0].quantity, record.lots[0].disposals[0].proceeds, record.cash[0].amount) == (D("10.5"), D("640"), D("-1.25"))
    assert (restored.households[0].name, restored.instruments, restored.marks) == ("Lovelace", (), ())
    assert [row.name for row in stored_rows(content, manifest)] == ["household H-1", "portfolio P-1"]
    with pytest.raises(InvalidInput) as caught:
        restore_book(*version_1(counts=(1, 1, 2, 1)))
    assert caught.value.field == "manifest.counts.lots"
    missing = json.dumps({"schema": "daymark/book", "version": 1, "tenant": "t", "session_date": "d", "sha256": "", "size": 1})
    with pytest.raises(InvalidInput) as caught:
        Manifest.from_bytes(missing.encode())
    assert caught.value.field == "manifest.counts.household"


def test_what_would_not_be_restored_is_not_exported():
    record = BOOK.records[0]
    for bad, field in (
        (replace(BOOK, records=(record, record)), "portfolio P-1"),
        (replace(BOOK, records=(replace(record, lots=(record.lots[0], record.lots[0])),)), "portfolio[0].lots[1]"),
        (replace(BOOK, tenant="harbor"), "household H-1.tenant"),
        (
            replace(WHOLE, households=(), records=(), instruments=(), marks=(), day_records=(), tenant="harbor"),
            "chain 2018-02-05 PRE_MARKET.tenant",
        ),
    ):
        with pytest.raises(InvalidInput) as caught:
            exported(bad)
        assert caught.value.field == field
    with pytest.raises(InvalidInput) as caught:
        export("northstar", SESSION, (write_row(item, "northstar") for item in (*BOOK.records, *BOOK.households)))
    assert caught.value.field == "household H-1" and "out of order" in caught.value.message


def test_differences_name_the_row():
    record = WHOLE.records[0]
    less = replace(WHOLE, records=(), chains=())
    gone = ["portfolio P-1: only in the first", "chain 2018-02-05 PRE_MARKET: only in the first"]
    assert list(differences(WHOLE.rows(), less.rows())) == gone
    assert list(differences(less.rows(), WHOLE.rows())) == [text.replace("first", "second") for text in gone]
    dearer = replace(record, cash=(replace(record.cash[0], amount=D("-1.26")), record.cash[1]))
    assert list(differences(WHOLE.rows(), replace(WHOLE, records=(dearer,)).rows())) == ["portfolio P-1: differs"]
    assert next(differences([], in_order(WHOLE.rows()))) == "instrument AAPL: only in the second"
    assert list(differences([], [])) == []
