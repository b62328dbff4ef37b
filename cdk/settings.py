"""Typed settings of a deployment, read once from the command line's context and the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from aws_cdk import Environment
from aws_cdk import aws_lambda as lambda_

from cdk.compute_settings import ComputeSettings
from cdk.delivery_settings import DeliverySettings
from cdk.edge_settings import EdgeSettings
from cdk.identity_settings import IdentitySettings
from cdk.live_settings import LiveSettings
from cdk.recovery_settings import RecoverySettings
from daymark.core.errors import InvalidInput

PROJECT = Path(__file__).resolve().parent.parent
RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
LOCAL_ACCOUNT = "000000000000"

_Choice = TypeVar("_Choice", bound=StrEnum)


class Target(StrEnum):
    """Where the templates are deployed to."""

    LOCAL = "local"
    CLOUD = "cloud"


class LayerSource(StrEnum):
    """What the dependency layers are zipped from.

    BUILT takes the packages that ``make layers`` unpacked. DECLARED takes the folders that hold nothing but the layers'
    requirements, which is enough to check a template and never to run one.
    """

    BUILT = "built"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """What distinguishes one deployment from another.

    Attributes:
        primary: Home of the tables; ``secondary`` holds their replicas.
        witness: Third region of the strongly consistent fence table; holds no readable data.
        today: The day by which acknowledged findings are judged.
        live: The live path.
        edge: How much is let through.
        identity: How users are kept.
        recovery: How far back and how fast.
        compute: The GPU machines.
        delivery: The pipeline.
    """

    account: str
    today: date
    target: Target = Target.CLOUD
    layers: LayerSource = LayerSource.BUILT
    primary: str = "us-east-1"
    secondary: str = "us-west-2"
    witness: str = "us-east-2"
    live: LiveSettings = field(default_factory=lambda: LiveSettings(synthetic_ticks=False, redis_url="", fan_out=True))
    edge: EdgeSettings = field(default_factory=EdgeSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    @classmethod
    def read(cls, context: Callable[[str], Any], environment: Mapping[str, str]) -> DeploymentSettings:
        """Settings from ``cdk --context name=value`` and the account of the credentials in use.

        Raises:
            InvalidInput: a context value is none of the allowed ones, no account is known for the cloud, or no cache for the embedded one.
        """
        target = _choice(Target, "target", context("target"))
        account = environment.get("CDK_DEFAULT_ACCOUNT") or (LOCAL_ACCOUNT if target is Target.LOCAL else "")
        if not account:
            raise InvalidInput("no AWS account: sign in or set CDK_DEFAULT_ACCOUNT", field="CDK_DEFAULT_ACCOUNT")
        regions = {name: str(context(name)) for name in ("primary", "secondary", "witness") if context(name)}
        today = date.fromisoformat(context("today")) if context("today") else datetime.now(UTC).date()
        live = LiveSettings.read(context, environment, target is Target.LOCAL)
        parts: dict[str, Any] = {"edge": EdgeSettings.read(context), "recovery": RecoverySettings.read(context)}
        parts |= {"live": live, "compute": ComputeSettings.read(context), "delivery": DeliverySettings.read(context)} | regions
        settings = cls(account, today, target, _choice(LayerSource, "layers", context("layers")), **parts)
        if len({settings.primary, settings.secondary, settings.witness}) != 3:
            raise InvalidInput("primary, secondary and witness must be three different regions", field="secondary")
        return replace(settings, identity=IdentitySettings.read(context, settings.primary))

    @property
    def is_local(self) -> bool:
        """Whether the embedded cloud is the target."""
        return self.target is Target.LOCAL

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions to deploy, in order: the secondary first, because the replicas need its key. The embedded cloud has one."""
        return (self.primary,) if self.is_local else (self.secondary, self.primary)

    def other(self, region: str) -> str:
        """The region that takes over from this one."""
        return self.secondary if region == self.primary else self.primary

    def environment(self, region: str) -> Environment:
        """Account and region of a stage."""
        return Environment(account=self.account, region=region)


def _choice(kind: type[_Choice], name: str, value: Any) -> _Choice:
    allowed = ", ".join(kind)
    try:
        return kind(str(value))
    except ValueError:
        raise InvalidInput(f"context {name} must be one of {allowed}, got {value!r}", field=name) from None
