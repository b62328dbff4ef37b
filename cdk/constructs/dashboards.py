"""Dashboards as tables: one for each system, and one of all alarms. A row is what one question needs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.constructs.alarm_budget import System
from cdk.constructs.alarms import alarm_arn

WIDTH, HEIGHT = 24, 6
# Two columns of alarms fit a page; CloudWatch shows at most a hundred in one widget.
MOST_ALARMS = 100


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph: a metric of each of some resources, and the limit above which its alarm rings.

    Attributes:
        series: Label and dimensions of each line.
    """

    title: str
    namespace: str
    metric: str
    series: Mapping[str, Mapping[str, str]]
    statistic: str = "Sum"
    limit: float | None = None

    def widget(self, region: str) -> dict[str, object]:
        """The graph as a dashboard's body has it, without its place."""
        lines = [
            [self.namespace, self.metric, *(part for pair in dimensions.items() for part in pair), {"label": label}]
            for label, dimensions in self.series.items()
        ]
        marks = {"annotations": {"horizontal": [{"label": "alarm", "value": self.limit}]}} if self.limit is not None else {}
        shown = {"title": self.title, "view": "timeSeries", "region": region, "stat": self.statistic, "period": 300, "metrics": lines}
        return {"type": "metric", "properties": shown | marks}


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of graphs under a sentence that says what healthy looks like."""

    name: str
    healthy: str
    rows: Sequence[Sequence[Graph]]


class Dashboards(Construct):
    """The dashboards of one region; a dashboard's name is known to the whole account, so the region is part of it."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._region = Stack.of(self).region

    def show(self, board: Board) -> None:
        """One dashboard from its table."""
        widgets: list[dict[str, object]] = [_text(board.healthy)]
        for line, row in enumerate(board.rows):
            width = WIDTH // len(row)
            for place, graph in enumerate(row):
                spot = {"x": place * width, "y": 2 + line * HEIGHT, "width": width, "height": HEIGHT}
                widgets.append(graph.widget(self._region) | spot)
        self._create(board.name, widgets)

    def show_alarms(self, names: Mapping[System, Sequence[str]]) -> None:
        """The state of every alarm, by what it is about."""
        stack = Stack.of(self)
        widgets: list[dict[str, object]] = [_text("All green, or somebody is at it. A page rings for the alarms of its system.")]
        for line, (title, group) in enumerate(names.items()):
            arns = [alarm_arn(stack, name) for name in sorted(group)[:MOST_ALARMS]]
            spot = {"x": 0, "y": 2 + line * HEIGHT, "width": WIDTH, "height": HEIGHT}
            shown: dict[str, object] = {"type": "alarm", "properties": {"title": title, "alarms": arns}}
            widgets.append(shown | spot)
        self._create("alarms", widgets)

    def _create(self, name: str, widgets: Sequence[Mapping[str, object]]) -> None:
        stack = Stack.of(self)
        body = {"start": "-PT12H", "periodOverride": "inherit", "widgets": list(widgets)}
        cloudwatch.CfnDashboard(
            self, name.capitalize(), dashboard_name=f"daymark-{name}-{stack.region}", dashboard_body=stack.to_json_string(body)
        )


def _text(said: str) -> dict[str, object]:
    return {"type": "text", "x": 0, "y": 0, "width": WIDTH, "height": 2, "properties": {"markdown": said}}
