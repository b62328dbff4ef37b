"""Lines of the cost estimate against hand arithmetic from the price list, on templates of a few resources."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk.cost import report, trading_day
from cdk.cost.__main__ import main
from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Deployment
from cdk.cost.estimate import Estimate, Money, estimate
from cdk.cost.limits import breaks_at, limits
from cdk.cost.live_path import LivePath, Scale
from cdk.cost.load import Load
from cdk.cost.price_list import Evidence, PriceList
from cdk.cost.scale_paper import Tuning, figures, sections, tuned, write
from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase

PRICES, SAID = PriceList.load(), Assumptions.load()
REGION = "us-east-1"
TASKS = ("assess_risk", "back_up_book", "open_live_session", "propose_trades", "publish_reports", "reconcile_holdings", "value_portfolios")


def function(handler: str, memory: int = 1024, timeout: int = 60, **variables: str) -> dict[str, Any]:
    properties = {"Handler": f"{handler}.handler", "MemorySize": memory, "Timeout": timeout, "Environment": {"Variables": variables}}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def mapping(name: str, records: int, at_once: int) -> dict[str, Any]:
    properties = {"FunctionName": {"Ref": f"{name}Function12345678"}, "BatchSize": records, "ParallelizationFactor": at_once}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


def live_templates(groups: int = 64, buckets: int = 256, **more: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """What every estimate needs: the live path's functions and mappings, with more resources in a stack of their own."""
    settings_of = {"DAYMARK_TICK_GROUPS": str(groups), "DAYMARK_PORTFOLIO_BUCKETS": str(buckets)}
    live = {
        "A": function("operations.open_live_session", **settings_of),
        "IngestTicksReaderMapping00000000": mapping("IngestTicks", 4, 4),
        "MarkPortfoliosReaderMapping00000000": mapping("MarkPortfolios", 100, 10),
        "QuotesConsumer": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "mark_portfolios"}},
        **{name: function(f"operations.{name}") for name in TASKS if name != "open_live_session"},
    }
    return {(REGION, "Live"): {"Resources": live}, (REGION, "More"): {"Resources": more}}


def priced(scale: Scale | None = None, **more: dict[str, Any]) -> Estimate:
    return estimate(live_templates(**more), PRICES, SAID, scale or Scale(), REGION)


def drivers(found: Estimate, name: str) -> dict[str, Decimal]:
    return {line.driver: line.money.total for line in found.lines if line.resource.name == name}


def test_a_provisioned_stream_costs_its_shard_hours() -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 4, "RetentionPeriodHours": 24}}
    # Infracost's own table prints 2,920 hours at $43.80 for four shards: 4 x 730 x 0.015.
    assert drivers(priced(Other=stream), "Other") == {"shards": Decimal("43.80"), "puts": Decimal("0.00")}


def test_a_stream_on_demand_costs_hours_gigabytes_in_whole_kilobytes_and_longer_keeping() -> None:
    properties = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RetentionPeriodHours": 48}
    found = priced(Scale(ticks=Decimal(1000)), TickRecords={"Type": "AWS::Kinesis::Stream", "Properties": properties})
    # 64 keys that linger a quarter of a second: 256 records/s of 400 + 8 x 1000/256 = 431 bytes, each 1 KB.
    # 256 KB x 21 x 6.5 x 3600 s = 125,798,400 KB = 119.9707 GB: x 0.08 = 9.5977. A day longer: x 24/730 x 0.10 = 0.3944.
    # The hours are Infracost's: 730 at $29.20.
    assert drivers(found, "TickRecords") == {"stream": Decimal("29.20"), "data in": Decimal("9.60"), "retention": Decimal("0.39")}


def test_a_function_costs_calls_and_gigabyte_seconds() -> None:
    handler = function("book.api", memory=2048)
    found = priced(Scale(portfolios=Decimal(1_000_000)), BookApi=handler)
    # 1e6 portfolios x 4 requests x 21 sessions x 0.9 = 75.6e6 calls: x 0.2e-6 = 15.12.
    # 75.6e6 x 0.1 s x 2 GB = 15.12e6 GB-s: x 0.0000133334 = 201.601. Two metrics at 0.30.
    assert drivers(found, "BookApi") == {"calls": Decimal("15.12"), "time": Decimal("201.60"), "metrics": Decimal("0.60")}


def test_an_interface_endpoint_costs_each_zone_and_a_gateway_endpoint_nothing() -> None:
    interface = {"VpcEndpointType": "Interface", "ServiceName": "com.amazonaws.us-east-1.secretsmanager", "SubnetIds": [{}, {}]}
    gateway = {"VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.us-east-1.s3"}
    more = {name: {"Type": "AWS::EC2::VPCEndpoint", "Properties": each} for name, each in (("Two", interface), ("S3", gateway))}
    found = priced(**more)
    # Infracost's table: 1,460 hours of two interfaces are $14.60.
    assert drivers(found, "Two") == {"hours": Decimal("14.60"), "data": Decimal("0.00")}
    assert drivers(found, "S3") == {}


def test_a_table_is_written_in_every_replica_and_by_its_witness() -> None:
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    properties = {"TableName": "daymark-operations", "Replicas": [recovery, {}], "GlobalTableWitnesses": [{"Region": "us-east-2"}]}
    found = priced(Scale(portfolios=Decimal(100_000)), Rows={"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties})
    # 12 rows of 2 KB a portfolio and session: 1e5 x 21 x 12 = 25.2e6 rows, 2 KB, in transactions 2 units each KB = 100.8e6 units.
    # The journal: 21 x (3 x 28 tasks + 2 x 5 phases) = 1,974 rows of 1 KB, 3,948 units. x 3 regions x 0.625e-6 = 189.0074.
    # A year of it: 12 x (25.2e6 x 2 + 1,974) KB / 1024^2 = 576.8 GB; two replicas keep it, one has recovery.
    gigabytes = Decimal(12) * (Decimal(25_200_000) * 2 + 1974) / 1024 / 1024
    lines = drivers(found, "Rows")
    assert lines["writes"] == Decimal("189.01")
    assert lines["storage"] == (gigabytes * 2 * Decimal("0.25")).quantize(Decimal("0.01"))
    assert lines["recovery"] == (gigabytes * Decimal("0.20")).quantize(Decimal("0.01"))


def test_alarms_cost_their_metrics() -> None:
    plain = {"MetricName": "Errors", "Period": 300}
    both = {"Metrics": [{"Expression": "a / b"}, {"MetricStat": {"Period": 300}}, {"MetricStat": {"Period": 300}}]}
    fast = {"MetricName": "Errors", "Period": 10}
    more = {name: {"Type": "AWS::CloudWatch::Alarm", "Properties": each} for name, each in (("One", plain), ("Two", both), ("Fast", fast))}
    found = priced(**more)
    # Infracost's table: one metric 0.10, an expression over two 0.20, high resolution 0.30.
    assert [drivers(found, name)["metrics"] for name in more] == [Decimal("0.10"), Decimal("0.20"), Decimal("0.30")]


def test_a_backup_plan_keeps_what_its_rules_say() -> None:
    daily = {"Lifecycle": {"DeleteAfterDays": 35}, "ScheduleExpression": "cron(0 21 ? * MON-FRI *)"}
    monthly = {"Lifecycle": {"DeleteAfterDays": 2557}, "ScheduleExpression": "cron(0 22 1 * ? *)", "CopyActions": [{}]}
    plan = {"Type": "AWS::Backup::BackupPlan", "Properties": {"BackupPlan": {"BackupPlanRule": [daily, monthly]}}}
    line = next(line for line in priced(Plan=plan).lines if line.resource.name == "Plan")
    # 22 a month x 35 / 30.4 months = 25.3, and one a month for a year, twice: 24. Of those 12 are copies.
    assert line.assumption == "49 full copies of the tables, 12 in the other region"


def test_a_schedule_that_is_off_wakes_nothing() -> None:
    more = {state: {"Type": "AWS::Scheduler::Schedule", "Properties": {"State": state}} for state in ("ENABLED", "DISABLED")}
    quantities = {line.resource.name: line.quantity for line in priced(**more).lines if line.driver == "wake-ups"}
    assert quantities == {"ENABLED": 22, "DISABLED": 0}


def test_transitions_and_claims_of_the_catalogue() -> None:
    # PRE_MARKET: check, load, gate, then the rest: four rounds, seven tasks. 2 + 4 x 5 + 7 + 4.
    # MARKET_CLOSE: check, load, gate, publish, mark, profit and loss, benchmark: seven rounds, nine tasks. 2 + 7 x 5 + 9 + 4.
    assert [trading_day.transitions(phase) for phase in (OperationPhase.PRE_MARKET, OperationPhase.MARKET_CLOSE)] == [33, 50]
    # Mark, profit and loss, benchmark, limits and drift.
    assert trading_day.row_tasks(OperationPhase.MARKET_CLOSE) == 5
    assert sum(trading_day.calls()[name] for name in ("plan_phase", "record_outcomes")) == sum(
        2 * trading_day.rounds(phase) + 1 for phase in OperationPhase
    )


def test_quote_records_against_a_drawn_book() -> None:
    """The expected number of buckets that a record's changed symbols reach, against portfolios and ticks drawn at random."""
    draw, symbols, groups, buckets, portfolios, rows = np.random.default_rng(3), 500, 5, 40, 80, 20
    reached = []
    for _ in range(400):
        bucket = draw.integers(0, buckets, portfolios)
        holds = np.zeros((buckets, symbols), bool)
        for each in bucket:
            holds[each, draw.choice(symbols, 30, replace=False)] = True
        changed = np.unique(draw.integers(0, symbols // groups, rows))
        reached.append(holds[:, changed].any(axis=1).sum())
    deployed = Deployment.read(live_templates(groups, buckets), REGION)
    # 20 ticks a record at 5 keys x 4 records a second are 400 ticks a second.
    live = LivePath.of(Scale(Decimal(portfolios), Decimal(rows * groups * 4), Decimal(symbols)), deployed, SAID)
    assert live.ticks.records == groups * 4
    assert float(live.quotes.records / live.ticks.records) - 1 == pytest.approx(np.mean(reached), rel=0.04)


def test_a_window_makes_fewer_and_fuller_batches() -> None:
    scale, templates = Scale(Decimal(1000), Decimal(1000)), live_templates()
    before = copy.deepcopy(templates)
    waiting = tuned(templates, Tuning(64, 256, batch_records=500, window_seconds=1))
    at_once, filled = (LivePath.of(scale, Deployment.read(each, REGION), SAID) for each in (templates, waiting))
    assert templates == before
    assert filled.quotes.records == at_once.quotes.records
    # One call a second of each lane: the buckets that have portfolios, 256 x (1 - (255/256)^1000) = 250.9, and the market's.
    assert round(float(filled.board_saves), 1) == 251.9
    # Without it as many as 0.12 s each allow.
    assert round(float(at_once.board_saves), 1) == round(251.89 / 0.12, 1)


def test_the_tightest_limit_comes_first() -> None:
    load = Load(Scale(Decimal(100_000), Decimal(1000)), Deployment.read(live_templates(), REGION), SAID)
    found = limits(load)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    # One pass of 100,000 reports at a quarter of a second, and three seconds before it, in a function of sixty.
    assert (found[0].name, found[0].needed, found[0].allowed) == ("time_publish_reports", 25_003, 60)
    fence = next(each for each in found if each.name == "fence_claims")
    # 64 items of 409,600 bytes hold 64 x 409,600 / 102 claims; the closing phase makes five a portfolio.
    assert (fence.needed, fence.allowed) == (500_000, 257_004)


def test_from_where_a_limit_breaks() -> None:
    found = breaks_at(Load(Scale(), Deployment.read(live_templates(), REGION), SAID), 100_000)
    # 257,004 claims at five a portfolio hold 51,400. Sixty seconds less three hold 228 reports of a quarter of a second.
    assert (found["fence_claims"], found["time_publish_reports"]) == (51_401, 229)
    # Without ticks nobody is posted to.
    assert "gateway_requests" not in found


def test_an_unknown_type_is_told_and_a_custom_resource_costs_nothing() -> None:
    found = priced(Odd={"Type": "AWS::Odd::Thing"}, Even={"Type": "AWS::Odd::Thing"}, Own={"Type": "Custom::S3AutoDelete"})
    assert found.unpriced == [("AWS::Odd::Thing", 2)]
    assert "NOT PRICED, the sums are too low: AWS::Odd::Thing (2)" in report.text(found, PRICES)


def test_the_report_marks_what_nobody_has_read() -> None:
    pool = {"Type": "AWS::Cognito::UserPool", "Properties": {}}
    text = report.text(priced(Scale(portfolios=Decimal(1000)), Users=pool), PRICES)
    assert PRICES.price("cognito.active_user", REGION).evidence is Evidence.RECALLED
    # 1,000 portfolios x 1.1 users x 0.015 = 16.50.
    line = next(line for line in text.splitlines() if line.startswith("Users"))
    assert "1,100 user-month x 0.015*" in line
    assert "16.50" in line


def test_lines_that_are_alike_are_printed_once_with_their_sum() -> None:
    keys = {f"Key{number}": {"Type": "AWS::KMS::Key", "Properties": {}} for number in range(3)}
    text = report.text(priced(**keys), PRICES)
    line = next(line for line in text.splitlines() if "key-month" in line)
    assert line.split()[:5] == ["Key0", "and", "2", "more", "key"]
    assert "3.00" in line


def test_json_says_every_line() -> None:
    keys = {f"Key{number}": {"Type": "AWS::KMS::Key", "Properties": {}} for number in range(2)}
    document = json.loads(report.as_json(priced(**keys), PRICES))
    own = [line for line in document["lines"] if line["type"] == "AWS::KMS::Key" and line["driver"] == "key"]
    assert [(line["resource"], line["idle"], line["unit_price"], line["evidence"]) for line in own] == [
        ("Key0", "1.00", "1.00", "third_party"),
        ("Key1", "1.00", "1.00", "third_party"),
    ]
    assert document["stacks"]["us-east-1/More"]["month"] == "2.12"  # and 20,000 requests at 0.03 for 10,000 of each


@given(st.lists(st.integers(0, 300_000), min_size=2, max_size=2), st.integers(0, 1_000_000), st.integers(1, 10_000))
@settings(max_examples=25, deadline=None)
def test_more_portfolios_never_cost_less_and_the_sum_is_of_the_lines(portfolios: list[int], ticks: int, symbols: int) -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}}
    table = {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {"TableName": "daymark-fence", "Replicas": [{}, {}]}}
    more = {
        "QuoteRecords": stream,
        "Fence": table,
        "Connections": {**table, "Properties": {"TableName": "daymark-connections", "Replicas": [{}]}},
        "Live": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "Marks": function("monitoring.mark_portfolios"),
        "Push": function("monitoring.push_marks"),
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {}},
        "Socket": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
    }
    fewer, larger = (priced(Scale(Decimal(count), Decimal(ticks), Decimal(symbols)), **copy.deepcopy(more)) for count in sorted(portfolios))
    assert fewer.total().total <= larger.total().total
    assert fewer.total().idle == larger.total().idle
    assert fewer.total().market == larger.total().market
    for each in (fewer, larger):
        assert sum((line.money for line in each.lines), Money()) == each.total()
        assert sum((each.total(*stack).total for stack in each.stacks()), Decimal(0)) == each.total().total
        assert all(amount == amount.quantize(Decimal("0.01")) for line in each.lines for amount in (line.money.idle, line.money.portfolios))


def test_without_portfolios_nothing_is_added_and_without_ticks_it_is_idle() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {}}
    assert priced(Scale(), Live=bucket).total() == Money(idle=priced(Live=bucket).total().idle)
    market = priced(Scale(ticks=Decimal(5000)), Live=bucket).total()
    assert market.portfolios == 0
    assert market.market > 0


def test_only_the_live_region_has_ticks_and_users() -> None:
    templates = live_templates(Users={"Type": "AWS::Cognito::UserPool", "Properties": {}})
    other = {("us-west-2", stack): body for (_, stack), body in templates.items()}
    found = estimate(templates | other, PRICES, SAID, Scale(Decimal(1000), Decimal(1000)), REGION)
    standby = found.total("us-west-2")
    assert (standby.market, standby.portfolios) == (0, 0)
    assert standby.idle == found.total(REGION).idle
    assert found.stacks()[0][0] == REGION


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('{value: 0.5, unit: GB, evidence: aws, source: "page"}', "value above zero as text"),
        ('{value: "0", unit: GB, evidence: aws, source: "page"}', "value above zero as text"),
        ('{value: "NaN", unit: GB, evidence: aws, source: "page"}', "value above zero as text"),
        ('{value: "1", evidence: aws, source: "page"}', "unit, a source"),
        ('{value: "1", unit: GB, evidence: aws}', "unit, a source"),
        ('{value: "1", unit: GB, evidence: hearsay, source: "page"}', "unit, a source"),
    ],
)
def test_a_price_without_evidence_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(f"read: 2026-11-23\nprices:\n  odd.price: {entry}\n")
    with pytest.raises(InvalidInput, match=message) as refused:
        PriceList.load(path)
    assert refused.value.field == "odd.price"


@pytest.mark.parametrize("entry", ['{value: "1"}', '{value: 1, basis: "why"}', '{value: "-1", basis: "why"}'])
def test_an_assumption_without_a_basis_is_refused(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "workload.yaml"
    path.write_text(f"stated: 2026-11-23\nassumptions:\n  odd: {entry}\n")
    with pytest.raises(InvalidInput, match="odd must have") as refused:
        Assumptions.load(path)
    assert refused.value.field == "odd"


def test_what_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="us-east-1 and us-west-2, not eu-west-1"):
        PRICES.price("s3.put", "eu-west-1")
    with pytest.raises(InvalidInput, match=r"no price s3\.sing"):
        PRICES.price("s3.sing", REGION)
    with pytest.raises(InvalidInput, match="no live path"):
        Deployment.read({(REGION, "Data"): {}}, REGION)
    for refused in ({"portfolios": Decimal(-1)}, {"ticks": Decimal("NaN")}, {"symbols": Decimal(0)}):
        with pytest.raises(InvalidInput, match=next(iter(refused))):
            Scale(**refused)


def test_renewing_the_paper_touches_its_figures_alone(tmp_path: Path) -> None:
    paper, templates = tmp_path / "scale.md", live_templates()
    said = figures(templates, PRICES, SAID, REGION)
    places = [f"{name} is\n<!-- figures: {name} -->\nold\n<!-- end -->\n" for name in said]
    paper.write_text("before\n" + "".join(places) + "after\n")
    write(templates, PRICES, SAID, REGION, paper)
    content = paper.read_text()
    assert sections(content) == said
    assert content == "before\n" + "".join(place.replace("old", said[name]) for name, place in zip(said, places, strict=True)) + "after\n"
    paper.write_text("before\n" + "".join(places[1:]))
    with pytest.raises(InvalidInput, match="must have the sections settings"):
        write(templates, PRICES, SAID, REGION, paper)


@pytest.mark.parametrize("amount", ["-1", "nan", "inf", "many"])
def test_the_command_refuses_amounts_that_are_none(amount: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--portfolios={amount}"])
    assert f"must be a number from zero, got {amount}" in capsys.readouterr().err
