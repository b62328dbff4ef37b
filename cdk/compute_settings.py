"""The GPU machines: whether there are any, which, how many, and what runs on them; from the command line's context."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TYPE = re.compile(r"g[56](\.[0-9]*xlarge)?")
_NUMBERS = {"gpu_most_cpus": (4, 10_000), "gpu_job_cpus": (1, 192), "gpu_job_megabytes": (1024, 700_000), "gpu_job_minutes": (1, 10_080)}


@dataclass(frozen=True, slots=True)
class ComputeSettings:
    """What distinguishes one set of GPU machines from another.

    Attributes:
        gpu: Whether there are any. The way to them costs money while they are idle (constructs/network.py), so nobody has it unasked.
        gpu_image: The tag of the image that jobs run; empty while none is pushed, and then there is a queue and no job definition.
        gpu_types: Instance types or whole families, of one GPU each or more.
        gpu_most_cpus: The most CPUs of all machines together; there are none while nothing is queued.
        gpu_job_cpus: CPUs of one job beside its GPU.
        gpu_job_megabytes: Memory of one job.
        gpu_job_minutes: How long one attempt of a job may take.
    """

    gpu: bool = False
    gpu_image: str = ""
    gpu_types: tuple[str, ...] = ("g6", "g5")
    gpu_most_cpus: int = 64
    gpu_job_cpus: int = 4
    gpu_job_megabytes: int = 14_000
    gpu_job_minutes: int = 120

    @classmethod
    def read(cls, context: Callable[[str], Any]) -> ComputeSettings:
        """The settings of ``cdk --context name=value``; what is not said has its default.

        Raises:
            InvalidInput: a value is none of the allowed ones, or an image is named where there are no machines; the field is named.
        """
        said: dict[str, Any] = {name: _number(name, context(name)) for name in _NUMBERS if context(name) is not None}
        if context("gpu") is not None:
            if str(context("gpu")).lower() not in ("true", "false"):
                raise InvalidInput(f"context gpu must be true or false, got {context('gpu')!r}", field="gpu")
            said["gpu"] = str(context("gpu")).lower() == "true"
        if context("gpu_image"):
            if not _TAG.fullmatch(str(context("gpu_image"))) or not said.get("gpu"):
                raise InvalidInput("context gpu_image must be an image's tag, with gpu=true", field="gpu_image")
            said["gpu_image"] = str(context("gpu_image"))
        if context("gpu_types"):
            types = tuple(str(context("gpu_types")).split(","))
            if not all(_TYPE.fullmatch(each) for each in types):
                raise InvalidInput(f"context gpu_types must be of the families g5 and g6, got {types}", field="gpu_types")
            said["gpu_types"] = types
        return cls(**said)


def _number(name: str, value: Any) -> int:
    least, most = _NUMBERS[name]
    if not re.fullmatch(r"\d{1,6}", str(value)) or not least <= int(value) <= most:
        raise InvalidInput(f"context {name} must be {least} to {most}, got {value!r}", field=name)
    return int(value)
