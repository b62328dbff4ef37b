"""The tool that breaks guards: which defects it makes, and that it tells a noticed one from one that survives."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest

from tests.mutation import judging
from tests.mutation.__main__ import chosen, explanations, guards, main
from tests.mutation.judging import TIMED_OUT, judge, source_of
from tests.mutation.mutants import broken, mutants
from tests.shards import Shard

SOURCE = '''
"""Doc."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    LIMIT = 1

def admit(age: int, limit: int = 18, *, strict: bool = True) -> bool:
    """Say."""
    if age < 0:
        raise ValueError(f"age {age + 1}")
    if not strict:
        log.info("lenient %d", 1)
        note(age)
    return age >= limit and age != 7
'''

# Worked out by reading: types, texts, the log, refusals' words and what only the type checker reads stay as they are.
EXPECTED = [
    "18 -> 19",
    "True -> False",
    "if age < 0 -> if False",
    "age < 0 -> age <= 0",
    "0 -> 1",
    "raise ValueError(f'age {age + 1}') -> pass",
    "not strict -> strict",
    "note(age) -> pass",
    "age >= limit and age != 7 -> age >= limit or age != 7",
    "age >= limit -> age > limit",
    "age != 7 -> age == 7",
    "7 -> 8",
]


def test_the_defects_of_a_module():
    made = list(mutants("m", SOURCE))
    assert [mutant.change for mutant in made] == EXPECTED
    assert {mutant.function for mutant in made} == {"admit"}


def test_each_defect_changes_the_program_and_nothing_else_of_the_tree():
    whole = ast.unparse(ast.parse(SOURCE))
    texts = [ast.unparse(broken(SOURCE, mutant)) for mutant in mutants("m", SOURCE)]
    assert len({*texts, whole}) == len(EXPECTED) + 1
    assert all(len(text.splitlines()) == len(whole.splitlines()) for text in texts)
    assert texts[6] == whole.replace("if not strict:", "if not not strict:")


def test_the_same_change_twice_in_a_function_has_two_names():
    made = list(mutants("m", "def f(a):\n    return a + 1, a + 1\n"))
    names = [mutant.name for mutant in made]
    assert len(set(names)) == len(names) == 4
    assert names[2] == "m:f: a + 1 -> a - 1 #2"


def test_a_sample_is_the_seed_s_and_shards_divide_the_rest():
    existing = list(mutants("m", SOURCE))
    assert chosen("m", existing, 5, 1, Shard(1, 1)) == chosen("m", existing, 5, 1, Shard(1, 1))
    assert len(chosen("m", existing, 5, 1, Shard(1, 1))) == 5
    assert chosen("m", existing, 0, 1, Shard(1, 1)) == existing
    divided = [mutant for number in (1, 2, 3) for mutant in chosen("m", existing, 0, 1, Shard(number, 3))]
    assert sorted(divided, key=lambda mutant: mutant.index) == existing


def test_every_guard_and_judge_exists_and_every_explanation_names_a_guard_and_a_reason():
    for module, judges in guards().items():
        assert source_of(module).is_file(), module
        assert judges and all((judging.PROJECT / each).is_file() for each in judges), module
    for name, reason in explanations().items():
        assert name.split(":")[0] in guards(), name
        assert len(reason.split()) >= 5, name


def test_a_module_is_loaded_with_its_defect(monkeypatch):
    module = "daymark.core.retry"
    tree = ast.parse("def full_jitter(*_):\n    return 'broken'\n")
    monkeypatch.setattr(sys, "meta_path", [judging._Finder(module, tree), *sys.meta_path])
    monkeypatch.delitem(sys.modules, module, raising=False)
    try:
        assert importlib.import_module(module).full_jitter() == "broken"
    finally:
        del sys.modules[module]


def test_what_the_tests_notice_what_they_miss_and_what_never_ends():
    """Three processes: the module as it is, one that a test notices, and one that never ends and so outlives any limit."""
    module, judges = "daymark.core.retry", ["tests/properties/test_core_retry.py"]
    source = source_of(module).read_text()
    noticed = ast.parse(source.replace("def full_jitter", "def forgotten"))
    endless = ast.parse(source + "\nwhile True:\n    pass\n")
    whole, found = (code for _, code in sorted(judge(module, [None, noticed], judges, 250, jobs=2)))
    assert whole == 0
    assert found > 0
    assert list(judge(module, [endless], judges, 1)) == [(0, TIMED_OUT)]


def test_an_unknown_guard_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["daymark.core.nothing"])
    assert refused.value.code == 2
    assert "no guard module: daymark.core.nothing" in capsys.readouterr().err
