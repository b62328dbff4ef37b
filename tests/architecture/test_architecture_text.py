"""No file names a machine it was written on, a registry it was installed from, or anything outside the project."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import PROJECT, project_files

BINARY = {".png", ".jpg", ".gz", ".npz", ".pdf", ".woff2", ".ico", ".zip"}
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~*}/-])/(?:work|root|home|Users)/[\w.]",
    "credentials in an address": r"https?://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$]+@",
    "a package registry": r"--(?:extra-)?index-url|--trusted-host|--find-links|^(?:@[\w-]+:)?registry\s*=\s*\S*//|\"resolved\"\s*:"
    r"|https?://\S*/simple\b|https?://registry\.",
}
LOCKS = re.compile(r"(?:^requirements/|requirements\.(?:in|txt)$|package(?:-lock)?\.json$|\.npmrc$)")


def breaches(where: str, text: str) -> list[str]:
    """What a file's text says that it must not."""
    found = []
    for what, pattern in FORBIDDEN.items():
        matches = re.finditer(pattern, text, re.MULTILINE)
        found += [f"{where}:{text.count(chr(10), 0, match.start()) + 1} {what}: {match.group()}" for match in matches]
    if LOCKS.search(where):
        found += [f"{where} an address in a lock: {match.group()}" for match in re.finditer(r"https?://\S+", text)]
    return found


def text_of(path: Path) -> str:
    # This file alone spells out what is forbidden.
    return "" if path.suffix in BINARY or path == Path(__file__) else path.read_text(encoding="utf-8", errors="replace")


def test_files_speak_of_the_project_alone():
    assert [entry for path in project_files() for entry in breaches(str(path.relative_to(PROJECT)), text_of(path))] == []


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("docs/x.md", "see /work/somewhere/x"),
        ("docs/x.md", "'/root/.cache'"),
        ("docs/x.md", "/home/someone/x"),
        ("x.cfg", "https://user:secret@example.com/x"),
        ("requirements/dev.txt", "--index-url https://example.com"),
        ("x.toml", "https://packages.example.com/simple"),
        ("x.toml", "https://registry.example.com/x"),
        (".npmrc", "registry=https://example.com/npm/"),
        ("package-lock.json", '"resolved": "x"'),
        ("requirements/run.txt", "numpy @ https://example.com/numpy.whl"),
        ("layers/runtime/requirements.in", "https://example.com/x.whl"),
    ],
)
def test_planted_breaches_are_found(where: str, text: str):
    assert breaches(where, text)


@pytest.mark.parametrize(
    "text", ["arn:aws:s3:::bucket/home", "layers/daymark/python", "https://docs.aws.amazon.com/x", "{base}/root/x", "s3://work/x"]
)
def test_ordinary_text_is_let_through(text: str):
    assert breaches("docs/x.md", text) == []
