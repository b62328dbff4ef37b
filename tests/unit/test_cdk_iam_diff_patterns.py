"""Inclusion of patterns and of policies, against an evaluator of its own: every request of a small universe, asked one by one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk.iam_diff.broadening import broadenings
from cdk.iam_diff.conditions import conditions_of, implied
from cdk.iam_diff.patterns import apart, includes, shown, text_of

# One letter more than any pattern below has: what only a wildcard lets in is in the universe.
TEXTS = ["".join(each) for length in range(5) for each in itertools.product("abz", repeat=length)]
SHORT = [text for text in TEXTS if 1 <= len(text) <= 2]
PATTERN = st.text("ab*?", min_size=1, max_size=3)


def expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression, piece by piece: the oracle's only notion of it."""
    return re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern))


def matched(pattern: str) -> set[str]:
    form = expression(pattern)
    return {text for text in TEXTS if form.fullmatch(text)}


@settings(max_examples=400)
@given(st.text("ab*?", max_size=3), st.text("ab*?", max_size=3))
def test_inclusion_is_the_universes(wide: str, narrow: str) -> None:
    # Texts of four letters over one letter more than the patterns' tell patterns of three apart, but for the star's union (module's text).
    truth = matched(narrow) <= matched(wide)
    said = includes(wide, narrow)

    assert not said or truth
    if "*" not in narrow:
        assert said == truth


@settings(max_examples=200)
@given(PATTERN, PATTERN, PATTERN)
def test_inclusion_is_reflexive_and_transitive(one: str, two: str, three: str) -> None:
    assert includes(one, one)
    assert includes("*", one)
    if includes(one, two) and includes(two, three):
        assert matched(three) <= matched(one)


@given(PATTERN, PATTERN)
def test_apart_means_that_nothing_is_in_both(one: str, other: str) -> None:
    if apart(one, other):
        assert not matched(one) & matched(other)


@pytest.mark.parametrize(
    ("wide", "narrow", "included"),
    [
        ("a*c", "abbc", True),
        ("a*c", "ab*bc", True),
        ("a?c", "a*c", False),
        ("*?", "?*", True),
        ("a", "A", False),
        ("arn:aws:s3:::x/*", "arn:aws:s3:::x", False),
    ],
)
def test_inclusion_by_hand(wide: str, narrow: str, included: bool) -> None:
    assert includes(wide, narrow) is included


def test_what_a_template_leaves_open_is_included_by_itself_and_the_star_alone() -> None:
    bucket, other = text_of({"Ref": "Prices"}), text_of({"Ref": "Seals"})
    home = text_of("home/${aws:username}/*")

    assert includes(bucket, bucket) and includes("*", bucket)
    assert not includes(other, bucket)
    assert not includes("?" * len(bucket), bucket)
    assert not includes("?", text_of({"Ref": "X"}))
    assert includes("home/*", home) and not includes("home/?*", text_of("home/${aws:username}"))
    assert not apart(bucket, "x")
    assert text_of({"Fn::Join": ["", ["a", {"Ref": "Prices"}, "/*"]]}) == f"a{bucket}/*"
    assert text_of({"Fn::Sub": "a${Prices}/*"}) == f"a{bucket}/*"
    assert text_of({"Fn::Sub": "${Prices.Arn}"}) == text_of({"Fn::GetAtt": ["Prices", "Arn"]})
    assert shown(bucket) == '<{"Ref": "Prices"}>'


# ---- whole policies


def statement(effect: str, actions: list[str], resources: list[str], held: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Action": [f"s:{each}" for each in actions], "Resource": resources}
    return found | ({"Condition": {"StringEquals": {"k": held}}} if held else {})


def policies(pattern: st.SearchStrategy[str], effects: tuple[str, ...], conditions: tuple[str, ...]) -> st.SearchStrategy[list[Any]]:
    some = st.lists(pattern, min_size=1, max_size=2, unique=True)
    held = st.lists(st.sampled_from(conditions), max_size=2, unique=True) if conditions else st.just([])
    return st.lists(st.builds(statement, st.sampled_from(effects), some, some, held), max_size=3)


def templates(statements: list[Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "R"}], "PolicyDocument": {"Statement": statements}}}
    return {("us-east-1", "x"): {"Resources": {"R": role, "P": policy}}}


def allowed(statements: list[Any]) -> set[tuple[str, str, str]]:
    """Every request of the universe that the statements let through: some allow, no denial."""
    let: set[tuple[str, str, str]] = set()
    denied: set[tuple[str, str, str]] = set()
    for each in statements:
        actions = [expression(pattern.removeprefix("s:")) for pattern in each["Action"]]
        resources = [expression(pattern) for pattern in each["Resource"]]
        values = each.get("Condition", {}).get("StringEquals", {}).get("k")
        hit = {
            (action, resource, held)
            for action in SHORT
            if any(form.fullmatch(action) for form in actions)
            for resource in SHORT
            if any(form.fullmatch(resource) for form in resources)
            for held in ("", "x", "y")
            if values is None or held in values
        }
        (let if each["Effect"] == "Allow" else denied).update(hit)
    return let - denied


ANY_POLICY = policies(PATTERN, ("Allow", "Allow", "Deny"), ("x", "y"))
PLAIN_POLICY = policies(st.text("ab", min_size=1, max_size=2), ("Allow",), ())


@settings(max_examples=150)
@given(ANY_POLICY, ANY_POLICY)
def test_nothing_that_is_wider_is_missed(before: list[Any], after: list[Any]) -> None:
    if not broadenings(templates(before), templates(after)):
        assert allowed(after) <= allowed(before)


@settings(max_examples=100)
@given(ANY_POLICY, st.data())
def test_small_changes_are_judged_as_the_universe_does(before: list[Any], data: st.DataObject) -> None:
    # Neighbours: independent policies are nearly always wider, and would say little.
    after = [dict(each) for each in before]
    for each in after:
        part = data.draw(st.sampled_from(["Action", "Resource", "Condition", "Effect", "nothing"]))
        if part in ("Action", "Resource"):
            each[part] = each[part][: data.draw(st.integers(1, len(each[part])))]
        elif part == "Condition":
            each["Condition"] = {"StringEquals": {"k": data.draw(st.lists(st.sampled_from("xy"), min_size=1, unique=True))}}
        elif part == "Effect":
            each["Effect"] = "Deny"
    if not broadenings(templates(before), templates(after)):
        assert allowed(after) <= allowed(before)


@settings(max_examples=100)
@given(PLAIN_POLICY, PLAIN_POLICY)
def test_among_plain_names_nothing_is_told_that_is_not_wider(before: list[Any], after: list[Any]) -> None:
    assert bool(broadenings(templates(before), templates(after))) == (not allowed(after) <= allowed(before))


@given(ANY_POLICY)
def test_equal_templates_broaden_nothing(policy: list[Any]) -> None:
    assert broadenings(templates(policy), templates(policy)) == []


@given(ANY_POLICY, st.data())
def test_taking_an_allowance_away_broadens_nothing(policy: list[Any], data: st.DataObject) -> None:
    kept = [each for each in policy if each["Effect"] == "Deny" or data.draw(st.booleans())]
    assert broadenings(templates(policy), templates(kept)) == []


@given(ANY_POLICY, st.randoms(use_true_random=False))
def test_order_and_cut_of_statements_play_no_part(policy: list[Any], chance: Any) -> None:
    cut = [
        each | {"Action": action, "Resource": [resource]} for each in policy for action in each["Action"] for resource in each["Resource"]
    ]
    chance.shuffle(cut)
    assert broadenings(templates(policy), templates(cut)) == []
    assert broadenings(templates(cut), templates(policy)) == []


@pytest.mark.parametrize(
    ("wide", "narrow", "follows"),
    [
        ({}, {"StringEquals": {"a": "x"}}, True),
        ({"StringEquals": {"a": "x"}}, {}, False),
        ({"StringEquals": {"a": ["x", "y"]}}, {"StringEquals": {"A": "x"}}, True),
        ({"StringEquals": {"a": "x"}}, {"StringEquals": {"a": ["x", "y"]}}, False),
        ({"StringEqualsIfExists": {"a": "x"}}, {"StringEquals": {"a": "x"}}, True),
        ({"StringEquals": {"a": "x"}}, {"StringEqualsIfExists": {"a": "x"}}, False),
        ({"StringNotEquals": {"a": "x"}}, {"StringNotEquals": {"a": ["x", "y"]}}, True),
        ({"StringNotEquals": {"a": ["x", "y"]}}, {"StringNotEquals": {"a": "x"}}, False),
        ({"StringLike": {"a": "x*"}}, {"StringLike": {"a": "xy*"}}, True),
        ({"StringLike": {"a": "xy*"}}, {"StringLike": {"a": "x*"}}, False),
        # An ARN's star ends at the colon.
        ({"ArnLike": {"a": "arn:aws:s3:*:1:b"}}, {"ArnLike": {"a": "arn:aws:s3:us-east-1:1:b"}}, True),
        ({"ArnLike": {"a": "arn:*:b"}}, {"ArnLike": {"a": "arn:aws:s3:us-east-1:1:b"}}, False),
        ({"ArnLike": {"a": "arn:*:s3:a:1:b"}}, {"ArnLike": {"a": "arn:aws:x:s3:a:1:b"}}, False),
        ({"NumericLessThan": {"a": "5"}}, {"NumericLessThan": {"a": "5"}}, True),
        ({"NumericLessThan": {"a": "5"}}, {"NumericLessThan": {"a": "4"}}, False),  # not told apart, so told
        ({"Bool": {"aws:SecureTransport": True}}, {"Bool": {"aws:SecureTransport": "true"}}, True),
    ],
)
def test_one_condition_follows_from_another(wide: Any, narrow: Any, follows: bool) -> None:
    assert implied(conditions_of({"Condition": wide}), conditions_of({"Condition": narrow})) is follows
