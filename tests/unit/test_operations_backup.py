"""The backup file: canonical bytes, a manifest that is held to, and damage refused by name."""

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, CashEntry, CashKind, Goal, Household, Portfolio, PortfolioRecord, Target
from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot
from daymark.operations.backup import Book, Manifest, differences, export_book, restore_book
from daymark.operations.backup_schema import decimal_text

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


def repacked(change, *, manifest=None):
    """The exported document with a change, compressed and described anew, so that only the change itself can be refused."""
    backup = export_book(BOOK, SESSION)
    document = json.loads(gzip.decompress(backup.content))
    change(document)
    content = gzip.compress(json.dumps(document).encode())
    described = replace(manifest or backup.manifest, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    return content, described


def test_the_restored_book_is_the_book_with_rows_sorted():
    backup = export_book(BOOK, SESSION)
    restored = restore_book(backup.content, backup.manifest)
    assert differences(BOOK, restored) == ()
    assert [lot.lot_id for lot in restored.records[0].lots] == ["L-1", "L-2"]
    assert restored.households == BOOK.households and restored.records[0].portfolio == PORTFOLIO
    assert (backup.manifest.households, backup.manifest.portfolios, backup.manifest.lots, backup.manifest.cash_entries) == (1, 1, 2, 2)
    assert Manifest.from_bytes(backup.manifest.to_bytes()) == backup.manifest


def test_the_same_book_gives_the_same_bytes_whatever_the_order_and_notation():
    record = BOOK.records[0]
    shuffled = replace(record, lots=record.lots[::-1], cash=record.cash[::-1])
    renoted = replace(shuffled, lots=(shuffled.lots[0], replace(shuffled.lots[1], quantity=D("1.05E+1"))))
    one, other = export_book(BOOK, SESSION), export_book(replace(BOOK, records=(renoted,)), SESSION)
    assert one == other
    # RFC 1952: no time stamp (bytes 4-7) and no system (byte 9 is 255), so the bytes are the same on every machine.
    assert one.content[4:8] == b"\0\0\0\0" and one.content[9] == 255
    assert export_book(BOOK, date(2018, 2, 6)).content != one.content


def test_decimals_have_one_text():
    texts = [decimal_text(D(text)) for text in ("1.50", "1E+3", "-0.00", "0.0001", "100", "-2.10")]
    assert texts == ["1.5", "1000", "0", "0.0001", "100", "-2.1"]


def test_a_truncated_or_altered_file_is_refused_by_name():
    backup = export_book(BOOK, SESSION)
    flipped = bytearray(backup.content)
    flipped[len(flipped) // 2] ^= 1
    for content, field in ((backup.content[:-1], "size"), (b"", "size"), (bytes(flipped), "sha256")):
        with pytest.raises(InvalidInput) as caught:
            restore_book(content, backup.manifest)
        assert caught.value.field == field


@pytest.mark.parametrize(
    "content",
    [b"no gzip at all", gzip.compress(b"no json"), gzip.compress(b"[]"), gzip.compress(b"{}")[:-4], gzip.compress(b'{"a":1,"a":2}')],
)
def test_a_file_that_matches_its_digest_but_is_no_book_is_refused(content):
    manifest = replace(export_book(BOOK, SESSION).manifest, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    with pytest.raises(InvalidInput) as caught:
        restore_book(content, manifest)
    assert caught.value.field == "content"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.update(version=2), "version"),
        (lambda d: d.update(schema="daymark/marks"), "schema"),
        (lambda d: d.update(tenant="harbor"), "tenant"),
        (lambda d: d.update(session_date="2018-02-06"), "session_date"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.pop("households"), "households"),
        (lambda d: d["households"].clear(), "manifest.households"),
        (lambda d: d["households"].append(d["households"][0]), "households[1]"),
        (lambda d: d["households"][0].update(tenant="harbor"), "households[0].tenant"),
        (lambda d: d["households"][0]["goals"][0].update(amount="x"), "households[0].goals[0].amount"),
        (lambda d: d["portfolios"][0]["portfolio"].update(tenant="harbor"), "portfolios[0].portfolio.tenant"),
        (lambda d: d["portfolios"][0]["portfolio"].update(account="offshore"), "portfolios[0].portfolio.account"),
        (lambda d: d["portfolios"][0]["portfolio"].update(name=3), "portfolios[0].portfolio.name"),
        (lambda d: d["portfolios"][0]["portfolio"]["targets"].append(["AAPL", "1"]), "portfolios[0].portfolio.targets[2]"),
        (lambda d: d["portfolios"][0]["portfolio"]["targets"][0].update(weight="2"), "portfolios[0].portfolio.targets[0].weight"),
        (lambda d: d["portfolios"][0]["lots"].pop(), "manifest.lots"),
        (lambda d: d["portfolios"][0]["lots"].append(d["portfolios"][0]["lots"][0]), "portfolios[0].lots[2]"),
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
        (lambda d: d["portfolios"][0]["cash"].append(d["portfolios"][0]["cash"][0]), "portfolios[0].cash[2]"),
    ],
)
def test_a_field_out_of_its_rule_is_refused_by_path(change, field):
    content, manifest = repacked(change)
    with pytest.raises(InvalidInput) as caught:
        restore_book(content, manifest)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "version"),
        ({"schema": "x"}, "schema"),
        ({"lots": "2"}, "manifest.lots"),
        ({"size": True}, "manifest.size"),
        ({"note": 1}, "manifest.note"),
    ],
)
def test_another_manifest_is_refused_by_name(change, field):
    document = json.loads(export_book(BOOK, SESSION).manifest.to_bytes()) | change
    with pytest.raises(InvalidInput) as caught:
        Manifest.from_bytes(json.dumps(document).encode())
    assert caught.value.field == field
    for content in (b"", b"[]", b"{"):
        with pytest.raises(InvalidInput):
            Manifest.from_bytes(content)


def test_a_book_that_would_not_restore_is_not_exported():
    record = BOOK.records[0]
    for bad, field in (
        (replace(BOOK, records=(record, record)), "portfolios[1]"),
        (replace(BOOK, records=(replace(record, lots=(record.lots[0], record.lots[0])),)), "portfolios[0].lots[1]"),
        (replace(BOOK, tenant="harbor"), "households[0].tenant"),
    ):
        with pytest.raises(InvalidInput) as caught:
            export_book(bad, SESSION)
        assert caught.value.field == field


def test_differences_name_the_item():
    record = BOOK.records[0]
    less = replace(BOOK, records=(replace(record, lots=record.lots[:1]),))
    assert differences(BOOK, less) == ("portfolio P-1 lot L-1: only in the first",)
    assert differences(less, BOOK) == ("portfolio P-1 lot L-1: only in the second",)
    dearer = replace(record, cash=(replace(record.cash[0], amount=D("-1.26")), record.cash[1]))
    assert differences(BOOK, replace(BOOK, records=(dearer,))) == ("portfolio P-1 cash entry C-2: differs",)
    assert differences(BOOK, replace(BOOK, tenant="x", households=())) == ("household H-1: only in the first", "tenant: differs")
