"""What a layer is built for: an interpreter and a platform, and with them which wheels fit and which markers hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from packaging import tags
from packaging.markers import default_environment

# What Amazon Linux 2023, on which Lambda runs Python 3.13, has: glibc 2.34, and the libstdc++ of GCC 11 with its newest symbol versions
# (libstdc++ manual, ABI Policy and Guidelines).
SYSTEM: Mapping[str, tuple[int, ...]] = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
# The oldest glibc that arm64 wheels name.
OLDEST_GLIBC = 17


@dataclass(frozen=True, slots=True)
class Target:
    """An interpreter on a platform.

    Attributes:
        label: What folders and messages call it.
        machine: The processor, as ``uname -m`` names it.
        platforms: Wheel platform tags that run there, best first.
        environment: The values of the markers of a lock. pip takes these from the interpreter it runs on, whatever it installs for,
            so they are judged here.
        system: The newest symbol versions of its system libraries, by family; empty where those of the wheels' tags are enough.
    """

    label: str
    python: tuple[int, int]
    machine: str
    platforms: tuple[str, ...]
    environment: Mapping[str, str]
    system: Mapping[str, tuple[int, ...]]

    def tags(self) -> list[tags.Tag]:
        """Tags of the wheels that fit, best first."""
        interpreter = f"cp{self.python[0]}{self.python[1]}"
        exact = tags.cpython_tags(self.python, platforms=self.platforms)
        return [*exact, *tags.compatible_tags(self.python, interpreter, self.platforms)]

    def pip_options(self) -> list[str]:
        """How pip is told to fetch for this target."""
        options = ["--implementation", "cp", "--python-version", f"{self.python[0]}.{self.python[1]}"]
        for platform in self.platforms:
            options += ["--platform", platform]
        return options


def _lambda(machine: str, python: tuple[int, int]) -> Target:
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(SYSTEM["GLIBC"][1], OLDEST_GLIBC - 1, -1)]
    version = f"{python[0]}.{python[1]}"
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }
    # manylinux2014 is the older name of manylinux_2_17.
    return Target("lambda", python, machine, (*platforms, f"manylinux2014_{machine}"), environment, SYSTEM)


# The runtime and the processor that cdk.settings names to CloudFormation; a test holds the two together.
LAMBDA = _lambda("aarch64", (3, 13))


@cache
def this_machine() -> Target:
    """The interpreter that runs this: layers built for it have the same locks and pruning, and can be imported here."""
    environment = {name: str(value) for name, value in default_environment().items()}
    major, minor = environment["python_version"].split(".")
    return Target("here", (int(major), int(minor)), environment["platform_machine"], tuple(tags.platform_tags()), environment, {})
