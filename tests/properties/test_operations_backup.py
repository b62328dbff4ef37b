"""Any book survives export and restore item for item; any damage to the file is refused."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.book.models import AccountKind, CashEntry, CashKind, Goal, Household, Portfolio, PortfolioRecord, Target
from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot
from daymark.core.money import Currency
from daymark.operations.backup import Book, export, restore_book
from daymark.operations.backup_comparison import differences

D = Decimal
SESSION = date(2018, 2, 5)
# Any text that JSON can carry: everything but lone surrogates.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
days = st.dates(date(1990, 1, 1), date(2030, 12, 31))
cents = st.integers(-(10**12), 10**12).map(lambda units: D(units).scaleb(-2))
fractions = st.integers(0, 1000).map(lambda units: D(units).scaleb(-3))
quantities = st.decimals(D("0.0001"), D("99999999"), places=4)


@st.composite
def lots(draw, lot_id):
    quantity, acquired = draw(quantities), draw(days)
    sold = draw(st.sampled_from([None, quantity, D("0.0001")]))
    disposals = () if sold is None else (Disposal(max(acquired, draw(days)), sold, abs(draw(cents))),)
    return Lot(lot_id, "P", draw(texts), acquired, quantity, abs(draw(cents)), disposals, draw(st.none() | days))


@st.composite
def books(draw):
    def ids(size):
        return draw(st.lists(texts.filter(bool), unique=True, max_size=size))

    records = []
    for portfolio_id in ids(3):
        names = ids(3)
        portfolio = Portfolio(
            "t", portfolio_id, draw(texts), draw(texts), draw(texts), draw(st.sampled_from(AccountKind)), draw(days), draw(texts),
            tuple(Target(name, draw(fractions) / 3) for name in names), draw(st.sampled_from(Currency)), draw(texts),
            draw(fractions), abs(draw(cents)), draw(fractions), draw(fractions), draw(fractions),
        )  # fmt: skip
        own_lots = [draw(lots(lot_id)) for lot_id in ids(3)]
        entries = [
            CashEntry(entry_id, portfolio_id, draw(days), draw(st.sampled_from(CashKind)), draw(cents), draw(st.none() | texts))
            for entry_id in ids(3)
        ]
        own = tuple(Lot(**{name: getattr(lot, name) for name in Lot.__slots__} | {"portfolio_id": portfolio_id}) for lot in own_lots)
        records.append(PortfolioRecord(portfolio, own, tuple(entries)))
    households = [
        Household("t", name, draw(texts), draw(texts), tuple(Goal(goal, draw(texts), draw(cents), draw(days)) for goal in ids(2)))
        for name in ids(2)
    ]
    return Book("t", tuple(households), tuple(records))


@settings(max_examples=60, deadline=None)
@given(books(), st.randoms(use_true_random=False))
def test_any_book_survives_and_order_makes_no_other_file(book, rng):
    backup = export("t", SESSION, book.rows())
    restored = restore_book(backup.content, backup.manifest)
    assert list(differences(book.rows(), restored.rows())) == []
    assert {one.household_id: one for one in restored.households} == {one.household_id: one for one in book.households}
    turned = Book("t", book.households[::-1], tuple(rng.sample(book.records, len(book.records))))
    assert export("t", SESSION, turned.rows()) == backup


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, st.booleans(), st.integers(0, 2)), unique_by=lambda row: row[0], max_size=8))
def test_differences_are_those_of_the_sets(rows):
    """Each name is in the first alone, the second alone, or in both with the same or another content."""
    one = [Household("t", name, "a", "b") for name, _, where in rows if where != 1]
    other = [Household("t", name, "a" if same else "c", "b") for name, same, where in rows if where != 0]
    expected = {
        f"household {name}: {['only in the first', 'only in the second', 'differs'][where]}"
        for name, same, where in rows
        if not (where == 2 and same)
    }
    found = list(differences(Book("t", tuple(one)).rows(), Book("t", tuple(other)).rows()))
    assert set(found) == expected and len(found) == len(expected)


@settings(max_examples=60, deadline=None)
@given(books(), st.data())
def test_any_damage_is_refused(book, data):
    backup = export("t", SESSION, book.rows())
    place = data.draw(st.integers(0, len(backup.content) - 1))
    flipped = bytearray(backup.content)
    flipped[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(flipped), backup.content[:place], backup.content + b"\0"):
        with pytest.raises(InvalidInput):
            restore_book(damaged, backup.manifest)
