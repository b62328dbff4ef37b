"""The cost estimate of both regions' templates: every type has a rule or a reason, nothing is forgotten, the scale paper says the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cdk.cost import scale_paper
from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Batches, Deployment, resources
from cdk.cost.estimate import Estimate, estimate
from cdk.cost.live_path import Scale
from cdk.cost.price_list import REGIONS, PriceList
from cdk.cost.resource_costs import FREE, RULES
from cdk.cost.synthesis import templates
from cdk.functions import EVERY_FUNCTION, QUOTES, TICKS
from cdk.live_settings import LiveSettings
from daymark.adapters.dynamodb.tables import TABLES
from tests.infra.conftest import Assembly

PRIMARY = "us-east-1"


@pytest.fixture(scope="module")
def found(cloud: Assembly) -> Estimate:
    return estimate(cloud.templates, PriceList.load(), Assumptions.load(), Scale(Decimal(1000), Decimal(1000)), PRIMARY)


def test_every_type_of_resource_has_a_rule_or_a_reason(cloud: Assembly, found: Estimate) -> None:
    assert found.unpriced == [], "add a line to RULES or to FREE in cdk/cost/resource_costs.py"
    assert not RULES.keys() & FREE.keys()
    assert {region for region, _ in cloud.templates} == set(REGIONS)


def test_what_the_live_path_is_taken_to_be_is_what_is_deployed(cloud: Assembly) -> None:
    defaults = LiveSettings(synthetic_ticks=False, redis_url="", fan_out=True)
    for region in REGIONS:
        deployed = Deployment.read(cloud.templates, region)
        assert (deployed.groups, deployed.buckets, deployed.fan_out) == (defaults.tick_groups, defaults.portfolio_buckets, True)
        assert (deployed.ticks.records, deployed.ticks.at_once) == (TICKS.batch_records, TICKS.batches_at_once)
        assert (deployed.quotes.records, deployed.quotes.at_once) == (QUOTES.batch_records, QUOTES.batches_at_once)
        known = {definition.name: definition.memory_mb for definition in EVERY_FUNCTION}
        assert {name: deployed.memory_mb[name] for name in known} == known
    assert isinstance(Deployment.read(cloud.templates, PRIMARY).ticks, Batches)


def test_no_stream_table_or_function_is_nothing_because_no_rule_knows_it(cloud: Assembly, found: Estimate) -> None:
    load = found.loads[PRIMARY]
    live = [each for each in resources(cloud.templates) if each.region == PRIMARY]
    assert {each.path for each in live if each.kind == "AWS::Kinesis::Stream"} == {"TickRecords", "QuoteRecords"}
    names = {each.properties["TableName"].removeprefix("daymark-") for each in live if each.kind == "AWS::DynamoDB::GlobalTable"}
    assert names == set(TABLES)
    assert [name for name in sorted(names) if "no rule knows" in load.table(name).why] == []
    every = {definition.name for definition in EVERY_FUNCTION}
    assert [name for name in sorted(every) if load.calls(name).why == load.said.bases["other_calls_a_day"]] == []


def test_endpoints_keys_and_streams_of_one_region_by_hand(found: Estimate) -> None:
    # Two streams on demand at 0.04 an hour, 730 hours.
    assert found.total(PRIMARY, "Data", "AWS::Kinesis::Stream").idle == 2 * Decimal("29.20")
    # Each interface endpoint in three zones at 0.01 an hour.
    network = [line for line in found.lines if (line.resource.region, line.resource.stack) == (PRIMARY, "Network")]
    hours = {line.resource.path: line.money.idle for line in network if line.driver == "hours"}
    assert hours["NetworkKinesis"] == Decimal("21.90")
    assert set(hours.values()) == {Decimal("21.90")}
    # Two keys at a dollar, 20,000 requests of each at 0.03 for 10,000.
    assert found.total(PRIMARY, "Data", "AWS::KMS::Key").idle == Decimal("2.12")
    # 100 MB of cache at 0.084 a GB-hour: 0.1 x 730 x 0.084 = 6.132.
    assert found.total(PRIMARY, "MarketData", "AWS::ElastiCache::ServerlessCache").idle == Decimal("6.13")


def test_the_standby_region_has_neither_ticks_nor_users(found: Estimate) -> None:
    standby = found.total("us-west-2")
    assert (standby.market, standby.portfolios) == (0, 0)
    assert standby.idle > 0


def test_sums_are_of_lines_to_the_cent(found: Estimate) -> None:
    stacks = [found.total(*stack) for stack in found.stacks()]
    assert sum((each.total for each in stacks), Decimal(0)) == found.total().total
    assert sum((line.money.total for line in found.lines), Decimal(0)) == found.total().total
    assert found.total(PRIMARY).total + found.total("us-west-2").total == found.total().total


def test_the_scale_paper_says_what_the_code_says_of_a_deployment_without_options(tmp_path: Path) -> None:
    paper = scale_paper.sections(scale_paper.PAPER.read_text(encoding="utf-8"))
    said = scale_paper.figures(templates(tmp_path, {}), PriceList.load(), Assumptions.load(), PRIMARY)
    assert paper.keys() == said.keys()
    for name, text in said.items():
        assert paper[name] == text, f"figures of {name} are old: make cost PAPER=1 renews them"
