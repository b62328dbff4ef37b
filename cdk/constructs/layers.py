"""Layers by name: the in-house package, and the dependency layers that only the cloud's processors can load."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from aws_cdk import IgnoreMode, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.settings import ARCHITECTURE, PROJECT, RUNTIME, DeploymentSettings, LayerSource
from daymark.core.errors import NotFound

# What no function needs: the embedded cloud, the command line and everything that differs between two identical checkouts.
LEFT_OUT = ("__pycache__", "*.pyc", "*.egg-info", "/python/daymark/local", "/python/daymark/cli")


class Layer(StrEnum):
    """The dependency layers, one per folder of ``layers/``."""

    RUNTIME = "runtime"
    SCIENCE = "science"
    REPORTS = "reports"


class Layers(Construct):
    """The layer versions of one region. Locally only the in-house one: the emulator's own environment has the packages."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings) -> None:
        super().__init__(scope, construct_id)
        code = lambda_.Code.from_asset(str(PROJECT / "layers" / "daymark"), exclude=list(LEFT_OUT), ignore_mode=IgnoreMode.GIT)
        self._daymark = _version(self, "Daymark", code, "The daymark package")
        self._dependencies = {} if settings.is_local else {layer: self._dependency(layer, settings.layers) for layer in Layer}

    def named(self, layers: Sequence[Layer]) -> list[lambda_.ILayerVersion]:
        """The in-house layer and those of the named ones that this target has."""
        return [self._daymark, *(self._dependencies[layer] for layer in layers if layer in self._dependencies)]

    def _dependency(self, layer: Layer, source: LayerSource) -> lambda_.LayerVersion:
        code = lambda_.Code.from_asset(str(_folder(layer, source)), exclude=["__pycache__", "*.pyc"], ignore_mode=IgnoreMode.GIT)
        return _version(self, layer.capitalize(), code, f"Packages of requirements/layer-{layer}.txt ({source})")


def _folder(layer: Layer, source: LayerSource) -> Path:
    if source is LayerSource.DECLARED:
        return PROJECT / "layers" / layer
    folder = PROJECT / "build" / "layers" / layer
    if not folder.is_dir():
        raise NotFound(
            f"the {layer} layer is not built: run layers/build first, or pass --context layers=declared to look at templates only",
            field="layers",
        )
    return folder


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
