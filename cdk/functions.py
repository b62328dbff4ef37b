"""Every function the stacks deploy: what it may touch, which layers it loads, how long and how large it may grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from book.settings import BookApiSettings
from cdk.constructs.layers import Layer
from cdk.time_limits import INGEST_SECONDS, MARK_SECONDS
from daymark.adapters.environment import Settings
from daymark.operations import catalogue
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase
from market_data import settings as market_data
from monitoring import settings as monitoring
from operations import settings as operations

# Beyond a task's own limit, so that the function still answers with a typed outcome before it is stopped.
MARGIN_SECONDS = 5
API_SECONDS = 29


class Permission(StrEnum):
    """What a function may do with the rows of a table. Nothing may change a table or scan one.

    The last six are for rows that live for seconds or hours: tickets are issued; a connection is admitted for its ticket, which goes;
    it converses, is pushed to and is forgotten; a tenant's calls are counted. No other row can be deleted.
    """

    READ = "read"
    APPEND = "append"
    CLAIM = "claim"
    ISSUE = "issue"
    ADMIT = "admit"
    CONVERSE = "converse"
    PUSH = "push"
    FORGET = "forget"
    COUNT = "count"


ACTIONS: Mapping[Permission, tuple[str, ...]] = {
    Permission.READ: ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
    Permission.APPEND: ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"),
    Permission.CLAIM: ("dynamodb:GetItem", "dynamodb:UpdateItem"),
    Permission.ISSUE: ("dynamodb:PutItem",),
    Permission.ADMIT: ("dynamodb:PutItem", "dynamodb:DeleteItem"),
    Permission.CONVERSE: ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    Permission.PUSH: ("dynamodb:Query", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    Permission.FORGET: ("dynamodb:DeleteItem",),
    Permission.COUNT: ("dynamodb:UpdateItem",),
}


@dataclass(frozen=True, slots=True)
class ObjectAccess:
    """Keys of one bucket, by prefix. Listing is granted with reading, under the same prefix."""

    bucket: str
    prefix: str
    write: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How a function reads a stream. The records of one partition key stay in order, however many batches are under way.

    Attributes:
        batch_records: The most records of one call. A call's payload has at most 6 MiB, and a record of 1 MiB takes 4/3 of it in
            base64: four take 5.33 MiB and leave the rest to their envelopes, five would take 6.67 MiB.
        batches_at_once: Batches of one shard under way at a time, each of other partition keys; AWS allows ten.
    """

    stream: str
    batch_records: int
    batches_at_once: int


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """One deployed function.

    Attributes:
        name: The catalogue's name for a task function; what logs and alarms call it.
        settings: The model its environment is rendered from.
        tables: Permission by table.
        puts: The streams it puts records into.
    """

    name: str
    system: str
    purpose: str
    settings: type[Settings]
    tables: Mapping[str, Permission]
    objects: Sequence[ObjectAccess] = ()
    layers: Sequence[Layer] = (Layer.RUNTIME,)
    memory_mb: int = 512
    timeout_seconds: int = API_SECONDS
    module: str = ""
    puts: Sequence[str] = ()

    @property
    def handler(self) -> str:
        """Module and function that the Lambda runtime calls."""
        return f"{self.system}.{self.module or self.name}.handler"

    @property
    def construct_id(self) -> str:
        """The name in a template: ``CheckPrices``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


_READ, _APPEND, _CLAIM = Permission.READ, Permission.APPEND, Permission.CLAIM
_FENCED = {"operations": _APPEND, "fence": _CLAIM}
_TASK = _FENCED | {"audit": _APPEND, "book": _READ}
_CLOSES = (ObjectAccess("prices", "closes/"), ObjectAccess("prices", "vendor/"), ObjectAccess("prices", "series/"))
# Books are marked with what was published.
_MARKING = (*_CLOSES, ObjectAccess("prices", "official/"))
_NUMERIC = (Layer.RUNTIME, Layer.SCIENCE)


def task_seconds(function: str) -> int:
    """The longest any task of a function may take, in whole seconds."""
    day = trading_day()
    limits = [task.timeout.total_seconds() for phase in OperationPhase for task in day.tasks(phase).values() if task.function == function]
    return int(max(limits))


def _step(name: str, purpose: str, fence: Permission) -> FunctionDefinition:
    tables = {"operations": _APPEND, "fence": fence}
    return FunctionDefinition(name, "operations", purpose, operations.StepSettings, tables, timeout_seconds=20)


def _task(
    name: str,
    purpose: str,
    settings: type[Settings],
    objects: Sequence[ObjectAccess] = (),
    layers: Sequence[Layer] = _NUMERIC,
    memory_mb: int = 1024,
) -> FunctionDefinition:
    return FunctionDefinition(name, "operations", purpose, settings, _TASK, objects, layers, memory_mb, task_seconds(name) + MARGIN_SECONDS)


STEPS = (
    _step("open_phase", "Opens the run that a wake-up is due for, or says why none is", _CLAIM),
    _step("plan_phase", "Says which tasks of a run are ready, how long to wait, or how it ended", _READ),
    _step("record_outcomes", "Writes what became of the tasks into the run's journal", _READ),
)

TASKS = (
    _task(
        catalogue.CHECK_PRICES,
        "Loads, gates and publishes closing prices",
        operations.PriceSettings,
        (*_CLOSES, ObjectAccess("prices", "official/", write=True)),
    ),
    _task(catalogue.ASSESS_RISK, "Overnight risk, limits and the volatility regime", operations.PriceSettings, _MARKING),
    _task(
        catalogue.OPEN_LIVE_SESSION,
        "Cuts the buckets' books and opens the live session",
        operations.LiveSessionSettings,
        (*_MARKING, ObjectAccess("live", "sessions/", write=True), ObjectAccess("live", "books/", write=True)),
    ),
    _task(catalogue.PROPOSE_TRADES, "Drift, rebalancing and tax losses", operations.PriceSettings, _MARKING),
    _task(catalogue.VALUE_PORTFOLIOS, "Marks, profit and loss, and the benchmark", operations.PriceSettings, _MARKING),
    _task(
        catalogue.RECONCILE_HOLDINGS,
        "Compares the book with the custodian's statement",
        operations.DocumentSettings,
        (ObjectAccess("documents", "statements/"),),
    ),
    _task(
        catalogue.BACK_UP_BOOK,
        "Exports the book and restores the export to compare",
        operations.DocumentSettings,
        (ObjectAccess("documents", "backups/", write=True),),
        (Layer.RUNTIME,),
    ),
    _task(
        catalogue.PUBLISH_REPORTS,
        "Client and operations reports in HTML and PDF",
        operations.ReportSettings,
        (*_MARKING, ObjectAccess("documents", "reports/", write=True)),
        (Layer.RUNTIME, Layer.SCIENCE, Layer.REPORTS),
        2048,
    ),
    _task(
        catalogue.SEAL_AUDIT,
        "Seals the day's audit chains under one root",
        operations.SealSettings,
        (ObjectAccess("seals", "seals/", write=True),),
        (Layer.RUNTIME,),
        512,
    ),
)

BOOK_API = FunctionDefinition(
    "book_api",
    "book",
    "Portfolios, positions, lots and marks over REST",
    BookApiSettings,
    {"book": _READ, "operations": _READ, "rates": Permission.COUNT},
    memory_mb=1024,
    module="api",
)
OPERATIONS_API = FunctionDefinition(
    "operations_api",
    "operations",
    "Day runs, tasks and reports over REST, and the API's own documentation",
    operations.ApiSettings,
    {"book": _READ, "operations": _APPEND, "fence": _READ, "rates": Permission.COUNT},
    (ObjectAccess("documents", "reports/"),),
    memory_mb=1024,
    module="api",
)
MONITORING_API = FunctionDefinition(
    "monitoring_api",
    "monitoring",
    "Tickets for the WebSocket over REST",
    monitoring.MonitoringApiSettings,
    {"connections": Permission.ISSUE, "rates": Permission.COUNT},
    module="api",
)


INGEST_TICKS = FunctionDefinition(
    "ingest_ticks",
    "market_data",
    "Judges and conflates ticks: hot quotes, quote blocks, archive and quarantine",
    market_data.IngestSettings,
    {},
    (
        ObjectAccess("ticks", "ticks/", write=True),
        ObjectAccess("ticks", "quarantine/", write=True),
        ObjectAccess("live", "lanes/", write=True),
        ObjectAccess("live", "sessions/"),
    ),
    _NUMERIC,
    1769,
    INGEST_SECONDS,
    puts=("quotes",),
)
MARK_PORTFOLIOS = FunctionDefinition(
    "mark_portfolios",
    "monitoring",
    "Marks the portfolios of a bucket by its quotes, and keeps its board",
    monitoring.MarkSettings,
    {},
    (
        ObjectAccess("live", "boards/", write=True),
        ObjectAccess("live", "sessions/"),
        ObjectAccess("live", "books/"),
        ObjectAccess("ticks", "quarantine/quotes/", write=True),
    ),
    _NUMERIC,
    1769,
    MARK_SECONDS,
)
TICKS = Reading("ticks", batch_records=4, batches_at_once=4)
# Quote blocks are small; of larger ones Lambda ends a batch before its payload is full.
QUOTES = Reading("quotes", batch_records=100, batches_at_once=10)


def _connection(
    name: str,
    purpose: str,
    settings: type[Settings],
    held: Permission,
    timeout_seconds: int = API_SECONDS,
    tables: Sequence[str] = (),
    boards: bool = False,
) -> FunctionDefinition:
    objects = (ObjectAccess("live", "boards/"),) if boards else ()
    layers, memory_mb = (_NUMERIC, 1024) if boards else ((Layer.RUNTIME,), 512)
    rows = {"connections": held} | dict.fromkeys(tables, _READ)
    return FunctionDefinition(name, "monitoring", purpose, settings, rows, objects, layers, memory_mb, timeout_seconds)


OPEN_CONNECTION = _connection("open_connection", "Admits a WebSocket for its ticket", monitoring.ConnectionSettings, Permission.ADMIT)
CLOSE_CONNECTION = _connection("close_connection", "Forgets a WebSocket that has ended", monitoring.ConnectionSettings, Permission.FORGET)
RECEIVE_MESSAGE = _connection(
    "receive_message",
    "Answers what WebSocket clients ask",
    monitoring.PushSettings,
    Permission.CONVERSE,
    tables=("operations", "book"),
    boards=True,
)
PUSH_PROGRESS = _connection(
    "push_progress", "Pushes the day's progress to those who watch it", monitoring.ProgressSettings, Permission.PUSH, 60, ("operations",)
)
PUSH_MARKS = _connection(
    "push_marks", "Pushes what moved on a board to those who watch it", monitoring.LivePushSettings, Permission.PUSH, 60, ("book",), True
)
CONNECTIONS = (OPEN_CONNECTION, CLOSE_CONNECTION, RECEIVE_MESSAGE, PUSH_PROGRESS, PUSH_MARKS)
EVERY_FUNCTION = (*STEPS, *TASKS, INGEST_TICKS, MARK_PORTFOLIOS, *CONNECTIONS, BOOK_API, OPERATIONS_API, MONITORING_API)
