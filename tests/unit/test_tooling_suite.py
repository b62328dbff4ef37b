"""The suite's own tools: parts that together hold every test once, and the table of its time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shards import Shard, ShardedSuite
from tests.time_table import BUDGETS, SYSTEMS, charged, lines, place

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Item:
    """What a shard looks at in a collected test."""

    nodeid: str
    marker: str = ""

    def get_closest_marker(self, name):
        return name if name == self.marker else None


@dataclass
class Config:
    """The session's configuration, which hears of what was left out."""

    left_out: list[str] = field(default_factory=list)

    @property
    def hook(self):
        return self

    def pytest_deselected(self, items):
        self.left_out += [item.nodeid for item in items]


def test_the_parts_of_the_suite_hold_every_test_once_and_the_seeded_one_each():
    whole = [
        *(Item(f"tests/unit/test_core_money.py::test_{n}") for n in range(60)),
        Item("tests/simulation/test_a.py::test_b", "every_shard"),
    ]
    counts = Counter()
    for number in (1, 2, 3):
        config, part = Config(), list(whole)
        ShardedSuite(Shard(number, 3)).pytest_collection_modifyitems(config, part)
        assert 1 < len(part) < len(whole)
        assert part == [item for item in whole if item in part]
        assert sorted(config.left_out) == sorted(item.nodeid for item in whole if item not in part)
        counts.update(item.nodeid for item in part)
    assert counts == {item.nodeid: 3 if item.marker else 1 for item in whole}


def test_a_name_s_part_is_the_same_on_every_machine():
    # sha256("a") begins ca97 8112 ca1b bdca. As 16 = 1 modulo 5, its remainder is the digit sum's: 38 + 12 + 34 + 46 = 130 = 0.
    assert [Shard(number, 5).holds("a") for number in range(1, 6)] == [True, False, False, False, False]


def test_this_suite_is_divided_and_timed(request):
    assert request.config.pluginmanager.has_plugin("daymark-shards")
    assert request.config.pluginmanager.has_plugin("daymark-time-table")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "3", "a/b", "1/2/3", "-1/3", " 1/3", "1.5/3", "²/3"])
def test_a_part_that_is_none_is_refused_in_words(text):
    with pytest.raises(ValueError, match=re.escape(f"a shard is k/n with 1 <= k <= n, for example 2/5; got {text!r}")):
        Shard.parse(text)


def test_the_command_line_refuses_a_part_that_is_none():
    command = [sys.executable, "-m", "pytest", "tests/unit/test_core_money.py", "--collect-only", "--shard", "5/4"]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert answer.returncode == pytest.ExitCode.USAGE_ERROR
    assert "a shard is k/n with 1 <= k <= n, for example 2/5; got '5/4'" in answer.stderr


@given(st.integers(1, 9), st.lists(st.text(max_size=20), unique=True, max_size=40), st.integers(0, 60))
def test_every_name_and_every_seed_is_in_exactly_one_part(count, names, seeds):
    parts = [Shard(number, count) for number in range(1, count + 1)]
    assert all(sum(part.holds(name) for part in parts) == 1 for name in names)
    assert sorted(seed for part in parts for seed in part.seeds(seeds)) == list(range(seeds))


def test_no_text_is_the_whole_suite():
    assert Shard.parse("") == Shard(1, 1)


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [
        ("tests/unit/test_market_data_quality.py::test_a[1::2]", ("market_data", "unit")),
        ("tests/infra/test_cdk_rules.py::test_a", ("cdk", "infra")),
        ("tests/architecture/test_architecture_shape.py::test_a", ("architecture", "architecture")),
        ("tests/architecture/test_statemachines.py::test_a", ("-", "architecture")),
        ("tests/unit/test_corelike_thing.py::test_a", ("-", "unit")),
        ("layers/daymark/python/daymark/http/values.py::daymark.http.values.money", ("http", "doctests")),
    ],
)
def test_a_test_belongs_to_the_system_it_is_named_after(node_id, expected):
    assert place(node_id) == expected


def test_every_budget_names_a_folder_and_every_system_is_one():
    assert all((PROJECT / "tests" / kind).is_dir() for kinds in BUDGETS for kind in kinds)
    assert {"operations", "book", "market_data", "core", "quant", "adapters", "http", "local", "cdk"} <= set(SYSTEMS)


def test_a_local_test_s_installation_is_not_its_system_s_time():
    assert charged("tests/local/test_local_tokens.py::test_a", "setup") == ("set-up", "local")
    assert charged("tests/local/test_local_tokens.py::test_a", "call") == ("local", "local")
    assert charged("tests/unit/test_core_money.py::test_a", "setup") == ("core", "unit")


def test_the_table_sums_and_marks_what_passed_its_budget():
    # book: 20 + 4 + 2 = 26 of 25 s; core: 24.9; shared: 100 of infra + 15 of contracts + 6 of set-up = 121 of 120 s.
    times = Counter(
        {
            ("book", "unit"): 20.0, ("book", "properties"): 4.0, ("book", "reference"): 2.0, ("core", "unit"): 24.9,
            ("operations", "simulation"): 10.0, ("local", "local"): 5.5, ("set-up", "local"): 6.0,
            ("cdk", "infra"): 100.0, ("core", "contracts"): 15.0,
        }
    )  # fmt: skip
    head, *rows, shared = lines(times)
    by_system = {row.split()[0]: row for row in rows}
    assert "unit+properties+reference of 25" in head
    assert by_system["book"].split("|")[1].split() == ["26.0", "!"]
    assert by_system["core"].split("|")[1].split() == ["24.9"]
    assert by_system["operations"].split("|")[2].split() == ["10.0"]
    assert by_system["local"].split("|")[3].split() == ["5.5", "!"]
    assert [cell for cell in by_system["set-up"].split("|")[3].split() if cell != "-"] == []
    assert by_system["all"].split()[1:] == ["44.9", "4.0", "2.0", "15.0", "100.0", "10.0", "11.5"]
    assert shared.endswith("121.0 of 120 !")
    assert lines(times - Counter({("cdk", "infra"): 1.0}))[-1].endswith("120.0 of 120")


def test_an_empty_suite_has_an_empty_table():
    assert lines(Counter())[-1].endswith("0.0 of 120")
