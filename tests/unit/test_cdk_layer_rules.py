"""What goes into a layer, by rule: the lock's versions for the target, the files that stay, the services that the code calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdk.layer_build.locks import Pin, pins
from cdk.layer_build.pruning import Pruning
from cdk.layer_build.services import services_called
from cdk.layer_build.targets import LAMBDA
from daymark.core.errors import InvalidInput

PRUNING = Pruning({"dynamodb"})

# --- locks

LOCK = """\
# Written by hand.
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa
    # via -r layers/science/requirements.in
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
Zoneinfo_Data==2026.1 ; sys_platform == 'win32' \\
    --hash=sha256:dd
cffi==2.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:ee
"""


def test_markers_are_those_of_the_target_not_of_the_interpreter_that_builds(tmp_path):
    lock = tmp_path / "layer.txt"
    lock.write_text(LOCK)
    older = replace(LAMBDA, environment=LAMBDA.environment | {"python_full_version": "3.11.9", "platform_machine": "x86_64"})

    assert pins(lock, LAMBDA) == [Pin("cffi", "2.0", frozenset({"ee"})), Pin("numpy", "2.5.5", frozenset({"bb", "cc"}))]
    assert pins(lock, older) == [Pin("numpy", "2.4.6", frozenset({"aa"}))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("numpy==2.4.6\n", "numpy has no exact version with hashes"),
        ("numpy>=2.4 \\\n    --hash=sha256:aa\n", "numpy has no exact version with hashes"),
        ("numpy==2.* \\\n    --hash=sha256:aa\n", "numpy has no exact version with hashes"),
        ("numpy==2 \\\n    --hash=sha256:aa\nNumPy==3 \\\n    --hash=sha256:bb\n", "numpy has two versions for lambda"),
    ],
)
def test_a_lock_that_does_not_say_exactly_what_is_refused(tmp_path, text, message):
    (tmp_path / "layer.txt").write_text(text)
    with pytest.raises(InvalidInput, match=message) as refused:
        pins(tmp_path / "layer.txt", LAMBDA)
    assert refused.value.field == "numpy"


# --- pruning


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("numpy/testing/__init__.py", True),
        ("numpy/ma/tests/test_core.py", False),
        ("numpy/_core/include/numpy/arrayobject.h", False),
        ("numpy/random/lib/libnpyrandom.a", False),
        ("scipy/linalg/cython_blas.pxd", False),
        ("scipy/linalg.build/x.py", True),
        ("numpy/__init__.pyi", False),
        ("numpy/__pycache__/x.cpython-313.pyc", False),
        ("numpy.libs/libopenblas.so", True),
        ("zstandard/_cffi.cpython-313-aarch64-linux-gnu.so", False),
        ("zstandard/backend_c.cpython-313-aarch64-linux-gnu.so", True),
        ("botocore/data/endpoints.json", True),
        ("botocore/data/dynamodb/2012-08-10/service-2.json.gz", True),
        ("botocore/data/dynamodb/2012-08-10/examples-1.json", False),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("botocore/docs/docstring.py", True),  # imported with every client
        ("boto3/examples/s3.rst", False),
        ("boto3/data/ec2/2016-11-15/resources-1.json", False),
        ("arch/data/vix/vix.csv.gz", False),
        ("alpha-1.0.dist-info/METADATA", True),
        ("alpha-1.0.dist-info/entry_points.txt", True),  # how opentelemetry finds its context
        ("alpha-1.0.dist-info/licenses/LICENSE", True),
        ("alpha-1.0.dist-info/RECORD", False),
    ],
)
def test_pruning(path, kept):
    assert PRUNING.keeps(path) is kept


# --- services


def test_services_are_read_from_the_clients_that_code_makes(tmp_path):
    (tmp_path / "a.py").write_text(
        "import boto3\n"
        "def _client(service, region):\n    return boto3.client(service, region_name=region)\n"
        "def store(region):\n    return _client('dynamodb', region)\n"
        "def bus():\n    return boto3.client(service_name='events')\n"
    )
    (tmp_path / "b.py").write_text("def of(session, name):\n    return session.client(name)\n")  # no boto3 here

    assert services_called([tmp_path]) == {"dynamodb", "events", "sts"}


@pytest.mark.parametrize(
    "text",
    [
        "import boto3\nNAME = 's3'\nx = boto3.client(NAME)\n",
        "import boto3\ndef client(service):\n    return boto3.client(service)\n",  # anyone may call it
        "import boto3\ndef _client(service):\n    return boto3.client(service)\ndef f(name):\n    return _client(name)\n",
        "import boto3\ndef f(name):\n    return boto3.Session().resource(name)\n",
        "import boto3\nx = boto3.client()\n",
        "from boto3 import client\nx = client('s3')\n",
    ],
)
def test_a_client_of_an_unreadable_service_is_refused(tmp_path, text):
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(InvalidInput, match=r"a\.py"):
        services_called([tmp_path])
