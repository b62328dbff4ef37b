"""The bill of materials holds every package of every lock with every hash, is what CycloneDX 1.6 says, and no lock has a gap."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from cdk.sbom import bill, components, main, npm_components, python_components
from daymark.core.errors import InvalidInput

PROJECT = Path(__file__).resolve().parents[2]
SCHEMAS = PROJECT / "tests" / "data" / "cyclonedx"
LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))
DIGEST = "a" * 64


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bill(environment={}))
    return found


@cache
def validator() -> Any:
    read = {path.name.removesuffix(".gz"): json.loads(gzip.decompress(path.read_bytes())) for path in SCHEMAS.glob("*.gz")}
    registry: Any = Registry()
    for schema in read.values():
        registry = registry.with_resource(schema["$id"], Resource.from_contents(schema, DRAFT7))
    for name, schema in read.items():
        # References are to the file's name beside the schema's own address.
        registry = registry.with_resource(f"http://cyclonedx.org/schema/{name}", Resource.from_contents(schema, DRAFT7))
    return jsonschema.Draft7Validator(read["bom-1.6.SNAPSHOT.schema.json"], registry=registry)


def test_the_schema_is_the_published_one() -> None:
    said = dict(re.findall(r"^\| (\S+\.json) \| ([0-9a-f]{64}) \|$", (SCHEMAS / "README.md").read_text(), re.MULTILINE))

    assert said == {
        path.name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in SCHEMAS.glob("*.gz")
    }
    assert len(said) == 3


def test_it_is_a_bill_of_cyclonedx() -> None:
    assert [(list(wrong.path), wrong.message[:200]) for wrong in validator().iter_errors(document())] == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"specVersion": 1.6},
        {"components": [{"name": "x"}]},
        {"serialNumber": "1"},
        {"dependencies": [{}]},
        {"components": [{"type": "library", "name": "x", "hashes": [{"alg": "SHA-256", "content": "no"}]}]},
    ],
)
def test_the_schema_refuses_what_is_none(spoilt: dict[str, Any]) -> None:
    assert list(validator().iter_errors(document() | spoilt))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_requirement_of_a_lock_is_without_hashes(lock: Path) -> None:
    # Read here line by line, without the code that makes the bill.
    heads = hashed = 0
    open_line = False
    for line in lock.read_text().splitlines():
        if line.startswith("    --hash=sha256:"):
            assert open_line, line
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
            hashed += not line.endswith("\\")
            open_line = line.endswith("\\")
        elif not line.lstrip().startswith("#") and line.strip():
            assert re.fullmatch(r"[a-z0-9._-]+==[^ ;*]+( ; [^\\]+)? \\", line), line
            heads += 1
            open_line = True
    assert heads == hashed > 0
    assert not open_line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_of_a_lock_is_in_it_with_every_hash(lock: Path) -> None:
    held = {each["purl"]: each for each in document()["components"]}
    pins = re.findall(
        r"^([a-z0-9._-]+)==([^ ;]+)(?: ;[^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock.read_text(), re.MULTILINE
    )

    assert len(pins) == len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE)) > 0
    for name, version, hashes in pins:
        component = held[f"pkg:pypi/{re.sub(r'[-_.]+', '-', name)}@{version}"]
        assert {each["content"] for each in component["hashes"]} >= set(re.findall(r"[0-9a-f]{64}", hashes))
        assert f"requirements/{lock.name}" in {each["value"] for each in component["properties"]}
        if lock.name.startswith("layer-"):
            assert component["scope"] == "required"


def test_every_package_of_npm_is_in_it_with_its_integrity() -> None:
    held = {each["purl"]: each for each in document()["components"]}
    packages = {path: package for path, package in json.loads((PROJECT / "package-lock.json").read_text())["packages"].items() if path}

    assert packages
    for path, package in packages.items():
        component = held[f"pkg:npm/{path.removeprefix('node_modules/')}@{package['version']}"]
        algorithm, _, digest = package["integrity"].partition("-")
        assert algorithm == "sha512"
        assert {"alg": "SHA-512", "content": base64.b64decode(digest).hex()} in component["hashes"]


def test_nothing_is_in_it_that_no_lock_has() -> None:
    text = "".join(path.read_text() for path in LOCKS) + (PROJECT / "package-lock.json").read_text()

    for component in document()["components"]:
        assert f"{component['name']}=={component['version']}" in text or f'"node_modules/{component["name"]}"' in text
    assert len(components()) == len({each["purl"] for each in document()["components"]}) == len(document()["components"])


def test_what_needs_what_is_as_the_locks_say() -> None:
    needs = {each["ref"]: each["dependsOn"] for each in document()["dependencies"]}
    version = {each["name"]: each["version"] for each in document()["components"]}

    assert f"pkg:pypi/starlette@{version['starlette']}" in needs[f"pkg:pypi/fastapi@{version['fastapi']}"]
    assert f"pkg:pypi/fastapi@{version['fastapi']}" in needs["daymark"]
    # The development lock is kept to the run lock's versions: that is no need of ours.
    assert f"pkg:pypi/mdurl@{version['mdurl']}" not in needs["daymark"]
    assert set(needs) == {each["bom-ref"] for each in document()["components"]} | {"daymark"}
    assert {each for needed in needs.values() for each in needed} <= set(needs)


def test_a_package_of_two_locks_is_in_it_once_with_all_of_both(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    for name, letter in {"run": "a", "layer-runtime": "b"}.items():
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"foo==1.0 \\\n    --hash=sha256:{letter * 64}\n    # via -r {name}.in\n")
    (tmp_path / "package-lock.json").write_text('{"packages": {"": {}}}')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "daymark"\nversion = "0"\n')

    (found,) = json.loads(bill(tmp_path, {}))["components"]
    assert [each["content"] for each in found["hashes"]] == ["a" * 64, "b" * 64]
    assert [each["value"] for each in found["properties"]] == ["requirements/layer-runtime.txt", "requirements/run.txt"]
    assert found["scope"] == "required"


def test_the_same_locks_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name in ("one", "two"):
        assert main([str(tmp_path / "build" / name)]) == 0
    assert (tmp_path / "build" / "one").read_bytes() == (tmp_path / "build" / "two").read_bytes()
    # Sets have another order in every process.
    assert all(
        each["hashes"] == sorted(each["hashes"], key=lambda found: (found["alg"], found["content"])) for each in document()["components"]
    )
    assert "timestamp" not in document()["metadata"]
    # 2026-11-23 00:00:00 UTC.
    assert json.loads(bill(environment={"SOURCE_DATE_EPOCH": "1795392000"}))["metadata"]["timestamp"] == "2026-11-23T00:00:00Z"


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.4.6",
        f"numpy>=2 --hash=sha256:{DIGEST}",
        f"numpy==2.* --hash=sha256:{DIGEST}",
        f"numpy @ file:///x --hash=sha256:{DIGEST}",
        "numpy==2.4.6 --hash=md5:" + "a" * 32,
        "numpy==2.4.6 --hash=sha256:aa",
        "./somewhere",
        "--pre",
    ],
)
def test_a_requirement_that_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput):
        list(python_components("x.txt", line))


def test_a_package_of_npm_without_integrity_is_refused() -> None:
    with pytest.raises(InvalidInput, match="left-pad has no integrity"):
        list(npm_components("x", json.dumps({"packages": {"": {}, "node_modules/left-pad": {"version": "1.0.0"}}})))


def test_a_pin_by_hand() -> None:
    (found,) = python_components(
        "x.txt", f"Foo_Bar==1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{DIGEST}\n    # via\n    #   -r x.in\n    #   baz\n"
    )

    assert (found.purl, found.hashes, found.wanted_by) == ("pkg:pypi/foo-bar@1.0", {("SHA-256", DIGEST)}, {"", "baz"})
