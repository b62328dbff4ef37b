"""The layer builder on wheels made here: choice by tag and hash, same bytes, refusals by name, the old layer kept on failure."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from dataclasses import replace

import pytest

from cdk.layer_build import __main__ as command
from cdk.layer_build import elf
from cdk.layer_build.build import Workplace, build, standing
from cdk.layer_build.locks import Pin
from cdk.layer_build.pruning import Pruning
from cdk.layer_build.targets import LAMBDA, this_machine
from cdk.layer_build.wheels import fetch, unpack
from daymark.core.errors import Conflict, InvalidInput, NotFound, Unavailable

PRUNING = Pruning({"dynamodb"})


def wheel(folder, name, tag="py3-none-any", version="1.0", files=None, stamp=(2020, 5, 17, 1, 2, 4)):
    """A wheel with these files, and a metadata folder."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    described = {
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {
            f"{name}/__init__.py": "",
            **(files or {}),
            **described,
            f"{info}/RECORD": "",
            f"{info}/licenses/LICENSE": "",
        }.items():
            archive.writestr(zipfile.ZipInfo(member, stamp), content)
    return path


def pin(*wheels, version="1.0"):
    digests = frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels)
    return Pin(wheels[0].name.split("-")[0], version, digests)


def shared_object(machine=183, versions=("GLIBC_2.17", "GLIBC_2.9", "GCC_3.0"), sections=3):
    """An ELF file by hand: its header, one needed library with a chain of versions, and the strings."""
    names, strings = [], b"\0"
    for version in versions:
        names.append(len(strings))
        strings += version.encode() + b"\0"
    chain = b"".join(struct.pack("<IHHII", 0, 0, 0, at, 16 if number < len(names) - 1 else 0) for number, at in enumerate(names))
    needs = struct.pack("<HHIII", 1, len(names), 0, 16, 0) + chain
    needs_at, strings_at = 64, 64 + len(needs)
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, strings_at + len(strings), 0, 64, 0, 0, 64, sections, 0)
    )
    table = bytes(64)
    table += struct.pack("<IIQQQQIIQQ", 0, 0x6FFFFFFE, 0, 0, needs_at, len(needs), 2, 1, 0, 0)
    table += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, strings_at, len(strings), 0, 0, 0, 0)
    return header + needs + strings + table


@pytest.fixture(autouse=True)
def only_local_wheels(tmp_path, monkeypatch):
    """The folder in which pip finds what there is; it asks no index."""
    offered = tmp_path / "offered"
    offered.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(offered), "CONFIG_FILE": os.devnull, "DISABLE_PIP_VERSION_CHECK": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return offered


# --- wheels


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp313-cp313-manylinux_2_34_aarch64", True),
        ("cp39-abi3-manylinux2014_aarch64", True),
        ("cp313-cp313-manylinux_2_35_aarch64", False),  # a newer glibc than Amazon Linux 2023's
        ("cp313-cp313-manylinux_2_17_x86_64", False),
        ("cp313-cp313-musllinux_1_2_aarch64", False),
        ("cp313-cp313t-manylinux_2_17_aarch64", False),  # the interpreter without its lock
        ("cp312-cp312-manylinux_2_17_aarch64", False),
        ("cp314-abi3-manylinux_2_17_aarch64", False),
    ],
)
def test_only_wheels_for_lambda_fit(tmp_path, tag, fits):
    folder = tmp_path / "wheels"
    judged, plain = wheel(folder, "alpha", tag, files={"x": "judged"}), wheel(folder, "alpha", "py30-none-any")

    assert fetch([pin(judged, plain)], LAMBDA, folder) == {pin(judged, plain): judged if fits else plain}


def test_a_package_without_a_wheel_that_fits_is_named(tmp_path, only_local_wheels):
    made = [
        wheel(only_local_wheels, "alpha", f"cp313-cp313-{platform}") for platform in ("manylinux_2_35_aarch64", "manylinux_2_17_x86_64")
    ]
    good = wheel(only_local_wheels, "beta")
    with pytest.raises(
        NotFound, match=r"no wheel of alpha fits lambda \(Python 3.13, aarch64, at most manylinux_2_34_aarch64\)"
    ) as refused:
        fetch([pin(good), pin(*made)], LAMBDA, tmp_path / "wheels")
    assert refused.value.field == "alpha"


def test_wheels_at_hand_are_used_again_and_the_closest_fit_is_taken(tmp_path):
    folder = tmp_path / "wheels"
    older, newer = (wheel(folder, "alpha", f"cp313-cp313-manylinux_2_{minor}_aarch64", files={"x": str(minor)}) for minor in (17, 28))
    other, plain = wheel(folder, "alpha", "cp313-cp313-manylinux_2_17_x86_64"), wheel(folder, "alpha", files={"x": "any"})

    assert fetch([pin(older, newer, other, plain)], LAMBDA, folder) == {pin(older, newer, other, plain): newer}
    assert fetch([pin(older, plain)], LAMBDA, folder) == {pin(older, plain): older}


def test_a_wheel_with_another_hash_is_not_taken_wherever_it_lies(tmp_path, only_local_wheels):
    folder = tmp_path / "wheels"
    good = wheel(only_local_wheels, "alpha")
    wanted = pin(good)
    wheel(folder, "alpha", files={"alpha/planted.py": ""})

    assert fetch([wanted], LAMBDA, folder)[wanted].read_bytes() == good.read_bytes()

    wheel(folder, "alpha", files={"alpha/planted.py": ""})
    wheel(only_local_wheels, "alpha", files={"alpha/planted.py": ""})
    with pytest.raises(Unavailable, match=r"alpha 1\.0.*HASHES"):
        fetch([wanted], LAMBDA, folder)


def test_names_are_compared_as_packages_are(tmp_path, only_local_wheels):
    made = wheel(only_local_wheels, "Alpha_beta")
    wanted = replace(pin(made), name="alpha-beta")
    assert fetch([wanted], LAMBDA, tmp_path / "wheels")[wanted].name == made.name


# --- trees


def test_a_tree_holds_what_is_imported_and_nothing_that_differs_between_two_builds(tmp_path):
    files = {
        "alpha/core.py": "x = 1",
        "alpha/core.pyi": "x: int",
        "alpha/tests/test_core.py": "",
        "alpha-1.0.data/platlib/alpha/extra.py": "y = 2",
        "alpha-1.0.data/scripts/alpha": "#!python",
    }
    first = wheel(tmp_path / "a", "alpha", files=files)
    second = wheel(tmp_path / "b", "alpha", files=files, stamp=(2024, 1, 1, 0, 0, 0))
    assert first.read_bytes() != second.read_bytes()

    trees = []
    for made, into in ((first, tmp_path / "one"), (second, tmp_path / "two")):
        previous = os.umask(0o077 if into.name == "two" else 0o022)
        unpack([made], into, PRUNING)
        os.umask(previous)
        trees.append({str(path.relative_to(into)): (path.stat().st_mode, path.stat().st_mtime_ns) for path in into.rglob("*")})
        assert (into / "alpha/core.py").read_text() == "x = 1"

    assert trees[0] == trees[1]
    assert sorted(path for path in trees[0] if "." in path.rpartition("/")[2]) == [
        "alpha-1.0.dist-info",
        "alpha/__init__.py",
        "alpha/core.py",
        "alpha/extra.py",
    ]
    assert {f"alpha-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "licenses", "licenses/LICENSE")} < set(trees[0])
    assert {moment for _, moment in trees[0].values()} == {315532800 * 10**9}
    assert {oct(mode) for mode, _ in trees[0].values()} == {"0o100644", "0o40755"}


@pytest.mark.parametrize("name", ["../outside.py", "/outside.py", "alpha/../../outside.py", "alpha\\..\\outside.py"])
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    made = wheel(tmp_path, "alpha", files={name: "x"})
    with pytest.raises(InvalidInput, match="leads out of it"):
        unpack([made], tmp_path / "tree", PRUNING)
    assert not list(tmp_path.glob("**/outside.py"))


def test_two_wheels_with_one_path_are_refused(tmp_path):
    made = [wheel(tmp_path, name, files={"shared/x.py": name}) for name in ("alpha", "beta")]
    with pytest.raises(Conflict, match=r"beta-1.0-py3-none-any.whl and alpha-1.0-py3-none-any.whl both hold shared/x.py"):
        unpack(made, tmp_path / "tree", PRUNING)


# --- shared objects


def test_a_shared_object_tells_its_processor_and_its_newest_needs(tmp_path):
    (tmp_path / "x.so").write_bytes(shared_object(versions=("GLIBC_2.17", "GLIBC_2.9", "GLIBCXX_3.4.21", "GLIBC_PRIVATE", "GCC_3.0")))
    found = elf.read(tmp_path / "x.so")
    # 2.17 is newer than 2.9, though its text sorts before.
    assert (found.machine, dict(found.needs)) == ("aarch64", {"GLIBC": (2, 17), "GLIBCXX": (3, 4, 21), "GCC": (3, 0)})


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x01\x01" + bytes(100),  # 32 bits
        b"\x7fELF\x02\x02" + bytes(100),  # big-endian
        shared_object(machine=243),  # RISC-V
        shared_object(sections=0),
        shared_object()[:-70],
        shared_object()[:20],
    ],
)
def test_an_object_that_cannot_be_judged_is_refused_by_name(tmp_path, data):
    (tmp_path / "x.so").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"x\.so is no shared object that can be judged"):
        elf.read(tmp_path / "x.so")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (shared_object(), None),
        (shared_object(versions=("GLIBC_2.34", "GLIBCXX_3.4.29", "CXXABI_1.3.13")), None),
        (shared_object(machine=62), "alpha/x.so.3 is for x86_64, not for aarch64"),
        (shared_object(versions=("GLIBC_2.35",)), r"alpha/x.so.3 needs GLIBC 2\.35; lambda has 2\.34"),
        (shared_object(versions=("GLIBCXX_3.4.30",)), r"alpha/x.so.3 needs GLIBCXX 3\.4\.30"),
        (shared_object(versions=("CXXABI_1.3.14",)), r"alpha/x.so.3 needs CXXABI 1\.3\.14"),
    ],
)
def test_objects_that_lambda_cannot_load_are_refused(tmp_path, data, message):
    (tmp_path / "alpha").mkdir()
    (tmp_path / "alpha/x.so.3").write_bytes(data)
    (tmp_path / "alpha/x.py").write_text("x = 1")
    if message:
        with pytest.raises(Conflict, match=message):
            elf.judge(tmp_path, LAMBDA)
    else:
        elf.judge(tmp_path, LAMBDA)


# --- whole layers


@pytest.fixture
def stock(tmp_path):
    """The wheels that an earlier build fetched."""
    return tmp_path / "project" / "build" / "wheels"


def place_with(tmp_path, *wheels, layer="alpha"):
    place = Workplace(tmp_path / "project")
    place.lock(layer).parent.mkdir(parents=True, exist_ok=True)
    place.lock(layer).write_text("".join(f"{pin(made).line()}\n" for made in wheels))
    requirements = place.root / "layers" / layer / "requirements.in"
    requirements.parent.mkdir(parents=True, exist_ok=True)
    requirements.touch()
    return place


def test_a_layer_is_built_once_from_each_lock_and_its_manifest_says_what_it_holds(tmp_path, stock):
    made = wheel(stock, "alpha", "cp313-cp313-manylinux_2_17_aarch64", files={"alpha/x.so": shared_object(), "alpha/y.py": "y"})
    place = place_with(tmp_path, made)
    assert standing("alpha", LAMBDA, place) is None

    manifest = build("alpha", LAMBDA, place)
    folder = place.root / "build/layers/alpha"

    assert manifest["packages"] == [{"name": "alpha", "version": "1.0", "wheel": made.name, "tags": ["cp313-cp313-manylinux_2_17_aarch64"]}]
    sizes = [path.stat().st_size for path in (folder / "python").rglob("*") if path.is_file()]
    assert (manifest["bytes"], manifest["files"]) == (sum(sizes), 6)
    assert json.loads((place.root / "build/layers/alpha.json").read_text()) == manifest == standing("alpha", LAMBDA, place)
    assert [path.name for path in folder.iterdir()] == ["python"]

    first = folder.stat().st_ino
    assert build("alpha", LAMBDA, place) == manifest
    assert folder.stat().st_ino == first

    place.manifest("alpha", LAMBDA).unlink()
    assert build("alpha", LAMBDA, place) == manifest
    assert folder.stat().st_ino != first

    newer = wheel(stock, "alpha", version="1.1")
    place.lock("alpha").write_text(f"{pin(newer, version='1.1').line()}\n")
    assert standing("alpha", LAMBDA, place) is None
    assert build("alpha", LAMBDA, place)["sha256"] != manifest["sha256"]
    assert sorted(path.name for path in (place.root / "build/layers").iterdir()) == ["alpha", "alpha.json", "alpha.lock"]


def test_a_layer_is_built_anew_when_the_code_calls_another_service(tmp_path, stock):
    described = {f"botocore/data/{name}/1/service-2.json.gz": "" for name in ("s3", "ec2", "sts")}
    place = place_with(tmp_path, wheel(stock, "botocore", files=described))
    adapter = place.root / "functions" / "bootstrap.py"
    adapter.parent.mkdir()
    data = place.folder("alpha", LAMBDA) / "python/botocore/data"

    adapter.write_text("import boto3\nx = boto3.client('s3')\n")
    build("alpha", LAMBDA, place)
    assert {path.name for path in data.iterdir()} == {"s3", "sts"}

    adapter.write_text("import boto3\nx = boto3.client('ec2')\n")
    build("alpha", LAMBDA, place)
    assert {path.name for path in data.iterdir()} == {"ec2", "sts"}


def test_a_build_that_fails_leaves_the_layer_of_before(tmp_path, stock):
    place = place_with(tmp_path, wheel(stock, "alpha"))
    before = build("alpha", LAMBDA, place)
    kept = place.lock("alpha").read_text()
    wrong = wheel(stock, "beta", files={"beta/x.so": shared_object(machine=62)})
    place.lock("alpha").write_text(f"{pin(wrong).line()}\n")

    with pytest.raises(Conflict, match=r"beta/x\.so is for x86_64"):
        build("alpha", LAMBDA, place)

    place.lock("alpha").write_text(kept)
    assert standing("alpha", LAMBDA, place) == before
    assert (place.folder("alpha", LAMBDA) / "python/alpha/__init__.py").is_file()
    # What was left aside is in nobody's way.
    assert build("alpha", LAMBDA, place) == before


def test_layers_for_this_machine_lie_apart(tmp_path, stock):
    place = place_with(tmp_path, wheel(stock, "alpha"))
    build("alpha", this_machine(), place)
    assert (place.root / "build/layers-here/alpha/python/alpha/__init__.py").is_file()
    assert standing("alpha", LAMBDA, place) is None


def test_the_command_names_what_it_built_or_what_is_missing(tmp_path, stock, monkeypatch, capsys):
    made = wheel(stock, "alpha", files={"alpha/x.bin": bytes(2**20)})
    place = place_with(tmp_path, made)
    monkeypatch.setattr(command, "Workplace", lambda: place)

    monkeypatch.setattr("sys.argv", ["layer_build", "alpha"])
    assert command.main() == 0
    assert capsys.readouterr().out == "alpha: 1 packages, 1.0 MB\n"

    place.lock("alpha").write_text(f"gamma==1 --hash=sha256:{'0' * 64}\n")
    assert command.main() == 1
    assert "no wheel of gamma fits lambda" in capsys.readouterr().err
