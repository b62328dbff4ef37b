"""Layers by name: the in-house package, and the dependency layers that only the cloud's processors can load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from aws_cdk import IgnoreMode, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.layer_build.build import Workplace, standing
from cdk.layer_build.targets import LAMBDA
from cdk.settings import ARCHITECTURE, PROJECT, RUNTIME, DeploymentSettings, LayerSource
from daymark.core.errors import InvalidInput, NotFound

# What no function needs: the embedded cloud, the command line, the client and everything that differs between two identical checkouts.
LEFT_OUT = ("__pycache__", "*.pyc", "*.egg-info", "/python/daymark/local", "/python/daymark/cli", "/python/daymark/client")
# Lambda takes 262,144,000 bytes unzipped, which it calls 250 MB: code and layers of a function together. Ten such MB are kept free.
MOST_BYTES = 240 * 2**20


class Layer(StrEnum):
    """The dependency layers, one per folder of ``layers/``. A region gets those that some function of its stacks names."""

    RUNTIME = "runtime"
    SCIENCE = "science"
    REPORTS = "reports"
    ECONOMETRICS = "econometrics"
    OPTIMISATION = "optimisation"


# A layer leaves to these what they hold already, so that no function carries a package twice; requirements/compile writes the locks so.
# Lambda takes five layers a function: the in-house one, runtime, science, econometrics and optimisation.
BENEATH: Mapping[Layer, tuple[Layer, ...]] = {
    Layer.RUNTIME: (),
    Layer.SCIENCE: (Layer.RUNTIME,),
    Layer.REPORTS: (Layer.RUNTIME, Layer.SCIENCE),
    Layer.ECONOMETRICS: (Layer.RUNTIME, Layer.SCIENCE),
    Layer.OPTIMISATION: (Layer.RUNTIME, Layer.SCIENCE),
}


class Layers(Construct):
    """The layer versions of one stack. Locally only the in-house one: the emulator's own environment has the packages."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        code = lambda_.Code.from_asset(str(PROJECT / "layers" / "daymark"), exclude=list(LEFT_OUT), ignore_mode=IgnoreMode.GIT)
        self._daymark = _version(self, "Daymark", code, "The daymark package")
        self._dependencies: dict[Layer, lambda_.LayerVersion] = {}

    def named(self, layers: Sequence[Layer]) -> list[lambda_.ILayerVersion]:
        """The in-house layer and those of the named ones that this target has; each is created when it is first named.

        Raises:
            InvalidInput: a layer is named without those beneath it, or together they are larger than Lambda takes.
            NotFound: a layer is not built.
        """
        check_stack(layers)
        if self._settings.is_local:
            return [self._daymark]
        if self._settings.layers is LayerSource.BUILT:
            check_size(layers, {layer: manifest(layer)["bytes"] for layer in layers}, own_bytes())
        return [self._daymark, *map(self._dependency, layers)]

    def _dependency(self, layer: Layer) -> lambda_.LayerVersion:
        if layer not in self._dependencies:
            source = self._settings.layers
            code = lambda_.Code.from_asset(str(_folder(layer, source)), exclude=["__pycache__", "*.pyc"], ignore_mode=IgnoreMode.GIT)
            described = f"Packages of requirements/layer-{layer}.txt ({source})"
            self._dependencies[layer] = _version(self, layer.capitalize(), code, described)
        return self._dependencies[layer]


def check_stack(layers: Sequence[Layer]) -> None:
    """Refuse layers that lack one beneath them.

    Raises:
        InvalidInput: naming both.
    """
    for layer in layers:
        for beneath in BENEATH[layer]:
            if beneath not in layers:
                raise InvalidInput(f"the {layer} layer needs the {beneath} layer beneath it", field="layers")


def check_size(layers: Sequence[Layer], sizes: Mapping[Layer, int], own: int) -> None:
    """Refuse layers that, with ``own`` bytes of our code, are more than a function may carry.

    Raises:
        InvalidInput: naming each layer's size.
    """
    total = own + sum(sizes[layer] for layer in layers)
    if total > MOST_BYTES:
        each = ", ".join(f"{layer} {sizes[layer] / 2**20:.1f}" for layer in layers)
        raise InvalidInput(f"{total / 2**20:.1f} MB unzipped are more than {MOST_BYTES // 2**20}: {each}", field="layers")


def manifest(layer: Layer) -> Mapping[str, Any]:
    """What a built layer holds.

    Raises:
        NotFound: it is not built, or was from another lock or by other rules.
    """
    found = standing(layer, LAMBDA, Workplace(PROJECT))
    if not found:
        raise NotFound(
            f"the {layer} layer is not built from its present lock: run make layers first, or pass --context layers=declared to look at"
            " templates only",
            field="layers",
        )
    return found


def own_bytes() -> int:
    """Bytes of what every function carries of ours: the in-house layer and the entry points."""
    package = PROJECT / "layers" / "daymark"
    left_out = [package / path.lstrip("/") for path in LEFT_OUT if path.startswith("/")]
    paths = [*(package / "python" / "daymark").rglob("*"), *(PROJECT / "functions").rglob("*")]
    held = [path for path in paths if path.is_file() and path.suffix != ".pyc" and not any(map(path.is_relative_to, left_out))]
    return sum(path.stat().st_size for path in held)


def _folder(layer: Layer, source: LayerSource) -> Path:
    if source is LayerSource.DECLARED:
        return PROJECT / "layers" / layer
    manifest(layer)
    return Workplace(PROJECT).folder(layer, LAMBDA)


def _version(scope: Construct, construct_id: str, code: lambda_.Code, description: str) -> lambda_.LayerVersion:
    return lambda_.LayerVersion(
        scope,
        construct_id,
        code=code,
        compatible_architectures=[ARCHITECTURE],
        compatible_runtimes=[RUNTIME],
        description=description,
        removal_policy=RemovalPolicy.RETAIN,
    )
