"""The dependency layers as built: what is in them, that Lambda can load it, their sizes, and each handler with its own layers alone."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections import Counter
from email.parser import Parser
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from cdk.constructs import layers as layers_construct
from cdk.constructs.layers import BENEATH, MOST_BYTES, Layer, Layers, check_size, check_stack, own_bytes
from cdk.functions import EVERY_FUNCTION, FunctionDefinition
from cdk.layer_build import elf
from cdk.layer_build.build import Workplace, build
from cdk.layer_build.targets import LAMBDA, this_machine
from cdk.settings import ARCHITECTURE, RUNTIME, DeploymentSettings
from daymark.core.errors import InvalidInput, NotFound
from daymark.http.app import _ROUTERS

PROJECT = Path(__file__).resolve().parents[2]
PLACE = Workplace()
# What functions stack today, and all that one could: five layers are the most, of which one is ours.
STACKS = [
    *sorted({tuple(definition.layers) for definition in EVERY_FUNCTION}),
    (Layer.RUNTIME, Layer.SCIENCE, Layer.ECONOMETRICS),
    (Layer.RUNTIME, Layer.SCIENCE, Layer.OPTIMISATION),
    (Layer.RUNTIME, Layer.SCIENCE, Layer.ECONOMETRICS, Layer.OPTIMISATION),
]


@pytest.fixture(scope="session")
def built():
    """Each layer's manifest, as it goes to Lambda. Wheels that an earlier run fetched are used again."""
    return {layer: build(layer, LAMBDA, PLACE) for layer in Layer}


@pytest.fixture(scope="session")
def here(tmp_path_factory):
    """Where the packages of each layer lie when built from the same locks for this machine."""
    for layer in Layer:
        build(layer, this_machine(), PLACE)
    return {layer: PLACE.folder(layer, this_machine()) / "python" for layer in Layer}


def tree(layer: Layer) -> Path:
    return PLACE.folder(layer, LAMBDA) / "python"


def files(layer: Layer) -> list[Path]:
    return [path for path in tree(layer).rglob("*") if path.is_file()]


def metadata(layer: Layer):
    """Name and headers of each package in a layer, as its own METADATA tells them."""
    parsed = [Parser().parsestr(path.read_text()) for path in sorted(tree(layer).glob("*.dist-info/METADATA"))]
    return {canonicalize_name(each["Name"]): each for each in parsed}


# --- declared


def test_each_layer_has_its_folder_its_lock_and_its_place():
    script = (PROJECT / "requirements" / "compile").read_text()
    compiled = {name: tuple(beneath.split()) for name, beneath in re.findall(r"(?m)^layer (\w+)((?: \w+)*)(?: -- .*)?$", script)}

    assert PLACE.names() == sorted(Layer)
    assert compiled == BENEATH
    assert (RUNTIME.name, ARCHITECTURE.name) == ("python{}.{}".format(*LAMBDA.python), {"aarch64": "arm64"}[LAMBDA.machine])


@pytest.mark.parametrize("definition", EVERY_FUNCTION, ids=lambda definition: definition.name)
def test_every_function_names_what_lies_beneath_its_layers(definition):
    check_stack(definition.layers)
    assert 1 + len(definition.layers) <= 5


def test_a_layer_without_the_one_beneath_is_refused():
    with pytest.raises(InvalidInput, match="the econometrics layer needs the science layer beneath it"):
        check_stack((Layer.RUNTIME, Layer.ECONOMETRICS))


def test_a_stack_has_the_layers_that_its_functions_name_and_no_other(cloud):
    kinds = Counter()
    for (region, stack), template in cloud.templates.items():
        resources = template.get("Resources", {})
        versions = {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::LayerVersion"}
        functions = [each for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
        named = {layer["Ref"] for each in functions for layer in each["Properties"].get("Layers", [])}
        assert versions == named, (region, stack)
        kinds.update(resources[name]["Properties"]["Description"].partition(".txt")[0].rpartition("layer-")[2] for name in versions)
    assert set(kinds) == {"The daymark package", "runtime", "science", "reports"}


# --- what is in them


@pytest.mark.parametrize("layer", Layer)
def test_a_layer_holds_what_its_lock_names_and_nothing_else(built, layer):
    lines = re.findall(r"(?m)^([\w.-]+)==([\w.]+)(?: ; (.*?))? \\$", (PROJECT / "requirements" / f"layer-{layer}.txt").read_text())
    # By hand: of two versions Python 3.13 takes the second, and of timeouts it has its own since 3.11.3.
    wanted = {
        (name, version)
        for name, version, marker in lines
        if marker not in ("python_full_version < '3.12'", "python_full_version < '3.11.3'")
    }

    assert {(name, each["Version"]) for name, each in metadata(layer).items()} == wanted
    assert {(each["name"], each["version"]) for each in built[layer]["packages"]} == wanted
    # Each file belongs to a package: its folder or module is one that a wheel brought.
    assert len(list(tree(layer).glob("*.dist-info"))) == len(wanted)
    assert not [path for path in files(layer) if path.suffix == ".pyc" or "tests" in path.parts or path.parent.name == "bin"]


@pytest.mark.parametrize("layer", Layer)
def test_wheels_are_for_the_interpreter_and_the_processor(built, layer):
    exact, pure = r"(?:cp313-cp313|cp3\d+-abi3)-manylinux(?:_2_(\d+)|2014)_aarch64", r"py[23]-none-any"
    said = {}
    for info in tree(layer).glob("*.dist-info/WHEEL"):
        written = Parser().parsestr(info.read_text()).get_all("Tag")
        said[canonicalize_name(info.parent.name.split("-")[0])] = {str(tag) for line in written for tag in parse_tag(line)}
    for package in built[layer]["packages"]:
        # What the wheel's name says, and what the wheel says of itself.
        for tags in (set(package["tags"]), said.pop(package["name"])):
            glibc = [re.fullmatch(exact, tag) for tag in tags]
            assert all(glibc) or all(re.fullmatch(pure, tag) for tag in tags), package
            assert min((int(match[1] or 17) for match in glibc if match), default=0) <= 34, package
    assert not said


@pytest.mark.parametrize("layer", Layer)
def test_shared_objects_are_for_arm64_and_for_the_glibc_of_amazon_linux(built, layer):
    objects = [path for path in files(layer) if ".so" in path.name or elf.is_elf(path)]
    assert objects
    for path in objects:
        data = path.read_bytes()
        assert (data[:6], struct.unpack_from("<H", data, 18)) == (b"\x7fELF\x02\x01", (183,)), path
        # Version names stand in the strings of the object, whoever reads its tables.
        named = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"\0GLIBC_(2\.\d+(?:\.\d+)?)(?=\0)", data)}
        assert elf.read(path).needs.get("GLIBC", (0,)) == max(named, default=(0,)) <= (2, 34), path


def test_no_function_carries_a_file_twice(built):
    package = {
        f"daymark/{path.relative_to(PROJECT / 'layers/daymark/python/daymark')}"
        for path in (PROJECT / "layers/daymark/python/daymark").rglob("*.py")
    }
    for stack in STACKS:
        held = Counter(str(path.relative_to(tree(layer))) for layer in stack for path in files(layer))
        held.update(package)
        assert [path for path, times in held.items() if times > 1] == [], stack
        names = Counter(name for layer in stack for name in metadata(layer))
        assert set(names.values()) == {1}, stack


def test_each_package_finds_what_it_requires_in_its_layer_or_beneath(built):
    missing = set()
    for layer in Layer:
        reach = {name: each["Version"] for one in (layer, *BENEATH[layer]) for name, each in metadata(one).items()}
        for name, each in metadata(layer).items():
            for line in each.get_all("Requires-Dist", []):
                wanted = Requirement(line)
                if wanted.marker and not wanted.marker.evaluate(dict(LAMBDA.environment) | {"extra": ""}):
                    continue
                if (
                    not wanted.specifier.contains(reach.get(canonicalize_name(wanted.name), "0"), prereleases=True)
                    or canonicalize_name(wanted.name) not in reach
                ):
                    missing.add((name, canonicalize_name(wanted.name)))
    # Left out on purpose: clarabel reads a matrix by its attributes, as the test further down shows.
    assert missing == {("clarabel", "scipy"), ("clarabel", "cffi")}


@pytest.mark.parametrize("layer", Layer)
def test_nothing_is_under_a_licence_that_binds_our_code(built, layer):
    for name, each in metadata(layer).items():
        said = " ".join(
            [
                each["License-Expression"] or "",
                (each["License"] or "").splitlines()[0] if each["License"] else "",
                *[line for line in each.get_all("Classifier", []) if line.startswith("License")],
            ]
        )
        assert said.strip(), name
        assert not re.search(r"\bA?GPL|\bGNU (Affero )?General Public", said), (name, said)


def test_the_layer_describes_every_service_that_is_called_and_no_other(built):
    services = {"apigatewaymanagementapi", "dynamodb", "events", "kinesis", "s3", "secretsmanager", "stepfunctions", "sts"}
    assert {path.name for path in (tree(Layer.RUNTIME) / "botocore/data").iterdir() if path.is_dir()} == services


# --- sizes


@pytest.mark.parametrize("stack", STACKS, ids="+".join)
def test_no_function_is_larger_than_lambda_takes(built, stack):
    sizes = {layer: sum(path.stat().st_size for path in files(layer)) for layer in stack}
    assert sizes == {layer: built[layer]["bytes"] for layer in stack}
    assert sum(sizes.values()) + own_bytes() < 240 * 2**20
    check_size(stack, sizes, own_bytes())


def test_our_own_part_is_counted_as_it_is_uploaded(cloud):
    uploaded = [
        path for path in cloud.folder.rglob("asset.*") if (path / "python/daymark").is_dir() or (path / "operations/bootstrap.py").is_file()
    ]
    assert len(uploaded) == 2
    assert own_bytes() == sum(path.stat().st_size for folder in uploaded for path in folder.rglob("*") if path.is_file())


def test_a_stack_that_is_too_large_is_refused_with_each_size():
    sizes = {Layer.RUNTIME: 2**20, Layer.REPORTS: MOST_BYTES - 3 * 2**20}
    check_size((Layer.RUNTIME, Layer.REPORTS), sizes, 2 * 2**20)
    with pytest.raises(InvalidInput, match=r"240\.0 MB unzipped are more than 240: runtime 1\.0, reports 237\.0"):
        check_size((Layer.RUNTIME, Layer.REPORTS), sizes, 2 * 2**20 + 1)


def test_built_layers_go_into_templates_and_others_are_refused(built, tmp_path, monkeypatch):
    def stack(name):
        settings = DeploymentSettings.read({"target": "cloud", "layers": "built"}.get, {"CDK_DEFAULT_ACCOUNT": "111122223333"})
        return Layers(Stack(App(outdir=str(tmp_path / name)), name), "Layers", settings)

    assert len(stack("Good").named((Layer.RUNTIME,))) == 2

    monkeypatch.setattr(layers_construct, "own_bytes", lambda: MOST_BYTES)
    with pytest.raises(InvalidInput, match="are more than 240"):
        stack("Large").named((Layer.RUNTIME,))
    monkeypatch.setattr(layers_construct, "standing", lambda *_: None)
    with pytest.raises(NotFound, match="the runtime layer is not built from its present lock: run make layers first"):
        stack("Stale").named((Layer.RUNTIME,))


# --- handlers

# Each job imports its modules in a process of its own that sees the standard library and the job's folders; its answer is the error
# and the folders of the packages that came. Nothing of this environment is in reach: no site, no user folder, no variables.
# What almost every handler imports is imported once, from the folder that all jobs then have.
IMPORTS = """
import importlib, json, os, sys
jobs, common, shared = json.loads(sys.stdin.read())
if common:
    sys.path.insert(0, common)
    for name in shared:
        importlib.import_module(name)
    sys.path.remove(common)
for name, folders, modules in jobs:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        sys.path[:0] = folders
        error = None
        try:
            for module in modules:
                importlib.import_module(module)
        except Exception as missing:
            error = f"{type(missing).__name__}: {missing}"
        files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
        print(json.dumps([name, error, [any(file.startswith(folder + "/") for file in files) for folder in folders]]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
"""


def imports(jobs, common=""):
    """Error, or None, and which folders were used, by job name."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "ignore", "-c", IMPORTS],
        input=json.dumps([jobs, common, ["aws_lambda_powertools", "boto3", "pydantic"]]),
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr[-800:]
    return {name: (error, used) for name, error, used in map(json.loads, done.stdout.splitlines())}


def modules(definition: FunctionDefinition) -> list[str]:
    """What a function imports: its handler's module, and of an API the routers, which it imports when it is first asked."""
    routers = list(_ROUTERS[definition.system]) if definition.module == "api" else []
    return [definition.handler.rpartition(".")[0], *routers]


def folders(here, layers) -> list[str]:
    return [str(PROJECT / "functions"), str(PROJECT / "layers/daymark/python"), *(str(here[layer]) for layer in layers)]


def test_handlers_import_with_their_own_layers_and_use_each_of_them(here):
    found = imports([(each.name, folders(here, each.layers), modules(each)) for each in EVERY_FUNCTION], str(here[Layer.RUNTIME]))

    assert len(found) == len(EVERY_FUNCTION)
    assert {name: error for name, (error, _) in found.items() if error} == {}
    assert {name: used for name, (_, used) in found.items() if not all(used)} == {}


def test_without_any_one_of_its_layers_a_handler_does_not_import(here):
    jobs = [
        (f"{each.name} without {layer}", folders(here, [other for other in each.layers if other != layer]), modules(each))
        for each in EVERY_FUNCTION
        for layer in each.layers
    ]
    found = imports(jobs)

    assert len(found) == sum(len(each.layers) for each in EVERY_FUNCTION)
    assert {name: error for name, (error, _) in found.items() if not error} == {}


def test_a_client_of_every_service_can_be_made_from_the_layer(here):
    program = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import boto3
for name in ("apigatewaymanagementapi", "dynamodb", "events", "kinesis", "s3", "secretsmanager", "stepfunctions", "sts"):
    boto3.client(name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
try:
    boto3.client("ec2", region_name="us-east-1")
except boto3.exceptions.botocore.exceptions.UnknownServiceError:
    print("no ec2")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, json.dumps(folders(here, [Layer.RUNTIME]))],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert (done.returncode, done.stdout) == (0, "no ec2\n"), done.stderr[-800:]


def test_layers_that_no_function_uses_yet_work_after_pruning(here):
    program = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from types import SimpleNamespace
import numpy as np
import clarabel

def csc(shape, columns, rows, values):
    return SimpleNamespace(shape=shape, indptr=np.array(columns), indices=np.array(rows), data=np.array(values), has_canonical_format=True)

# Least (x - 3)^2 where x <= 2: at the bound.
settings = clarabel.DefaultSettings()
settings.verbose = False
distance, slope = csc((1, 1), [0, 1], [0], [2.0]), np.array([-6.0])
most = csc((1, 1), [0, 1], [0], [1.0]), np.array([2.0]), [clarabel.NonnegativeConeT(1)]
bound = clarabel.DefaultSolver(distance, slope, *most, settings).solve().x[0]
alone = not any(name.startswith("scipy") for name in sys.modules)

import statsmodels.api
import statsmodels.tsa.api
import statsmodels.tsa.stattools
from arch import arch_model
from arch.unitroot import ADF, PhillipsPerron
from arch.unitroot.cointegration import engle_granger

# A line through its own points, and a variance that is the mean square.
line = statsmodels.api.OLS(np.array([1.0, 3.0, 5.0]), statsmodels.api.add_constant(np.arange(3.0))).fit().params
shocks = np.array([1.0, -2.0, 3.0, -4.0] * 10)
variance = arch_model(shocks, mean="Zero", vol="Constant", rescale=False).fit(disp="off").params["sigma2"]
print(json.dumps([round(bound, 6), alone, [round(value, 9) for value in line], round(variance, 4)]))
"""
    stack = (Layer.RUNTIME, Layer.SCIENCE, Layer.ECONOMETRICS, Layer.OPTIMISATION)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "ignore", "-c", program, json.dumps(folders(here, stack))],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    # (1 + 4 + 9 + 16) / 4 = 7.5
    assert done.returncode == 0, done.stderr[-800:]
    assert json.loads(done.stdout) == [2.0, True, [1.0, 2.0], 7.5]
