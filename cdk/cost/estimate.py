"""The estimate: every line a resource's driver at its price, idle, with the market's ticks, and with portfolios on top.

*Idle* is: deployed in every region, no portfolio, no user, no tick; the five phases run on every session wherever their schedules are
enabled. *Market* is what ticks add, *portfolios* what portfolios and their users add to both. Ticks and users are in one region, the
live one. Every amount is rounded to the cent, half-even, and sums are sums of what is printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Deployment, Resource, Templates, resources
from cdk.cost.live_path import ZERO, Scale
from cdk.cost.load import Load
from cdk.cost.price_list import Price, PriceList
from cdk.cost.resource_costs import FREE, RULES
from cdk.cost.usage import Usage

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Money:
    """US dollars a month, to the cent."""

    idle: Decimal = ZERO
    market: Decimal = ZERO
    portfolios: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.idle + self.market + self.portfolios

    def __add__(self, other: Money) -> Money:
        """Both together."""
        return Money(self.idle + other.idle, self.market + other.market, self.portfolios + other.portfolios)


@dataclass(frozen=True, slots=True)
class Line:
    """One driver of one resource.

    Attributes:
        quantity: At the scale asked for.
        idle_quantity: Idle.
    """

    resource: Resource
    driver: str
    price: Price
    idle_quantity: Decimal
    quantity: Decimal
    money: Money
    assumption: str


@dataclass(frozen=True)
class Estimate:
    """All lines, and the types of resource that nobody has priced (none, or the estimate is too low)."""

    scale: Scale
    live_region: str
    lines: Sequence[Line]
    unpriced: Sequence[tuple[str, int]]
    loads: dict[str, Load]

    def total(self, region: str | None = None, stack: str | None = None, kind: str | None = None) -> Money:
        """The sum of the lines of a region, a stack and a type, or of all."""
        chosen = (
            line.money
            for line in self.lines
            if region in (None, line.resource.region) and stack in (None, line.resource.stack) and kind in (None, line.resource.kind)
        )
        return sum(chosen, Money())

    def stacks(self) -> list[tuple[str, str]]:
        """Region and stack, live region first."""
        seen = dict.fromkeys((line.resource.region, line.resource.stack) for line in self.lines)
        return sorted(seen, key=lambda each: (each[0] != self.live_region, each))


def to_cents(amount: Decimal) -> Decimal:
    """Half-even to the cent.

    >>> to_cents(Decimal("0.125")), to_cents(Decimal("0.135"))
    (Decimal('0.12'), Decimal('0.14'))
    """
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def estimate(templates: Templates, prices: PriceList, said: Assumptions, scale: Scale, live_region: str) -> Estimate:
    """What the templates cost a month at a scale.

    Args:
        templates: Of every region, by region and stack.
        prices: The price list.
        said: The assumptions.
        scale: Portfolios, ticks and symbols.
        live_region: Where the ticks and the users are; every other region is idle.

    Raises:
        InvalidInput: a region has no live path, or no prices.
    """
    steps = (Scale(symbols=scale.symbols), Scale(ticks=scale.ticks, symbols=scale.symbols), scale)
    regions = dict.fromkeys(region for region, _ in templates)
    loads = {
        region: [Load(step if region == live_region else steps[0], Deployment.read(templates, region), said) for step in steps]
        for region in regions
    }
    lines: list[Line] = []
    unpriced: Counter[str] = Counter()
    for resource in resources(templates):
        rule = RULES.get(resource.kind)
        if rule is not None:
            lines += _lines(resource, [rule(resource, load) for load in loads[resource.region]], prices)
        elif resource.kind not in FREE and not resource.kind.startswith("Custom::"):
            unpriced[resource.kind] += 1
    return Estimate(scale, live_region, lines, sorted(unpriced.items()), {region: each[-1] for region, each in loads.items()})


def _lines(resource: Resource, steps: Sequence[Sequence[Usage]], prices: PriceList) -> Iterable[Line]:
    """A line for each driver that any step has; a driver that a step does not have is nothing there."""
    found = [{usage.driver: usage for usage in step} for step in steps]
    for driver in dict.fromkeys(name for step in found for name in step):
        used = [step[driver].quantity if driver in step else ZERO for step in found]
        last = next(step[driver] for step in reversed(found) if driver in step)
        price = prices.price(last.price, resource.region)
        idle, market, everything = (to_cents(quantity * price.value) for quantity in used)
        money = Money(idle, market - idle, everything - market)
        yield Line(resource, driver, price, used[0], used[-1], money, last.assumption)
