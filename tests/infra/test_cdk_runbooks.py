"""Every alarm names the page that says what to do, the page is there and says it, and no page is about nothing."""

import re

import pytest

from tests.infra.conftest import PROJECT

FOLDER = PROJECT / "docs" / "runbooks"
LINK = re.compile(r"\. Runbook: (docs/runbooks/[a-z0-9-]+\.md)$")
# In this order, so that whoever was woken finds the same thing in the same place.
SECTIONS = ["Meaning", "Likely causes", "First look", "Remedy", "Safe and unsafe", "It is over when"]
# The contents list, and how to run the commands of all pages.
INDEX = "README.md"


def linked(cloud) -> dict[str, list[str]]:
    """The alarms of both regions by the runbook that they name; under "" those that name none."""
    pages: dict[str, list[str]] = {}
    for where, alarm in cloud.resources("AWS::CloudWatch::Alarm"):
        found = LINK.search(alarm["Properties"].get("AlarmDescription", ""))
        pages.setdefault(found[1] if found else "", []).append("/".join(where))
    return pages


def pages() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.md") if path.name != INDEX)


def test_every_alarm_names_a_runbook_that_is_there(cloud):
    found = linked(cloud)

    assert found.get("", []) == []
    assert [page for page in found if not (PROJECT / page).is_file()] == []
    assert sum(map(len, found.values())) > 150


def test_no_runbook_is_about_nothing(cloud):
    assert {f"docs/runbooks/{page}" for page in pages()} == set(linked(cloud))


def test_the_list_of_runbooks_is_whole():
    listed = re.findall(r"\]\(([a-z0-9-]+\.md)\)", (FOLDER / INDEX).read_text())
    assert sorted(listed) == pages()


@pytest.mark.parametrize("page", pages())
def test_a_runbook_says_what_whoever_was_woken_needs(page):
    text = (FOLDER / page).read_text()

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert text.startswith("# ")
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE):
        assert part.strip(), page


def test_functions_that_runbooks_name_exist(cloud):
    """A command in a runbook that names a function, stack output or table which is not there sends somebody astray at night."""
    services = {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for _, function in cloud.resources("AWS::Lambda::Function")
        if "POWERTOOLS_SERVICE_NAME" in function["Properties"].get("Environment", {}).get("Variables", {})
    }
    outputs = {name for template in cloud.templates.values() for name in template.get("Outputs", {})}
    stacks = {stack["stackName"] for stack in cloud.stacks.values()}
    text = "".join(path.read_text() for path in FOLDER.glob("*.md"))

    assert set(re.findall(r"function_of ([a-z_]+)", text)) <= services
    assert set(re.findall(r"output_of daymark-[a-z-]+ (\w+)", text)) <= outputs
    assert set(re.findall(r"output_of (daymark-[a-z-]+)", text)) <= stacks
