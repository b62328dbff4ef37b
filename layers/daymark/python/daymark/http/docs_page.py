"""The interface's documentation as one HTML page that loads nothing: no script, no font, no other host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--shade:#f5f7f9;--get:#1f5c8a;--post:#8a5a12}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#333c48;--paper:#14181e;--shade:#1b2129;--get:#7db8e8;--post:#e0b060}}
*{box-sizing:border-box}body{margin:0;font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink);background:var(--paper)}
.page{display:grid;grid-template-columns:17rem minmax(0,54rem);gap:3rem;padding:0 2rem 6rem;max-width:80rem;margin:auto}
nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:2.4rem 0;font-size:13px}
nav a{display:block;color:var(--soft);text-decoration:none;padding:.16rem 0;overflow-wrap:anywhere}nav a:hover{color:var(--ink)}
nav b{display:block;margin:1.2rem 0 .3rem;text-transform:capitalize}main{padding:2.4rem 0}
h1{font:600 2rem/1.2 Georgia,serif;margin:0}h2{font:600 1.35rem/1.3 Georgia,serif;margin:3.2rem 0 0;text-transform:capitalize}
h3{font-size:1rem;margin:0 0 .2rem;overflow-wrap:anywhere}p{margin:.3rem 0 .8rem;max-width:44rem}.soft{color:var(--soft)}
article{border-top:1px solid var(--line);padding:1.3rem 0 .6rem;margin-top:1.3rem}
.verb{font:600 11px/1 ui-monospace,monospace;padding:.25rem .45rem;border:1px solid currentColor;border-radius:3px;margin-right:.5rem;
color:var(--get)}
.verb.post{color:var(--post)}code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
table{border-collapse:collapse;width:100%;font-size:13.5px;margin:.3rem 0 1rem}caption,h4{text-align:left;font-size:12px;font-weight:600;
color:var(--soft);padding:.4rem 0;margin:0}td{border-top:1px solid var(--line);padding:.35rem .8rem .35rem 0;vertical-align:top}
td:first-child{width:34%}td:nth-child(2){width:22%;color:var(--soft)}details{margin:.2rem 0 .6rem}summary{cursor:pointer;font-size:13.5px}
summary:focus-visible,a:focus-visible{outline:2px solid var(--get);outline-offset:2px}
@media(max-width:800px){.page{display:block;padding:0 1rem 4rem}nav{position:static;max-height:none;padding-bottom:0}}
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """An OpenAPI 3.1 document as a page: routes by system, their parameters, bodies and answers."""
    routes: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            routes.setdefault(operation["tags"][0], []).append((verb, path, operation))
    info = document["info"]
    links = "".join(f"<b>{escape(tag)}</b>" + "".join(_link(*route) for route in members) for tag, members in routes.items())
    body = "".join(f"<h2>{escape(tag)}</h2>" + "".join(_article(*route, document) for route in members) for tag, members in routes.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><div class=page><nav>{links}</nav><main>"
        f"<h1>{escape(info['title'])} API</h1><p>{escape(info.get('summary', ''))}</p>"
        "<p class=soft>Every route needs <code>Authorization: Bearer &lt;ID token&gt;</code>. What you may not see answers like what "
        "does not exist. Errors are problem details (RFC 9457) and name the field at fault. The same, for programs: "
        f'<a href="openapi.json">openapi.json</a>.</p>{body}</main></div></body></html>'
    )


def _anchor(verb: str, path: str) -> str:
    return escape(f"{verb}{path}".replace("/", "-").replace("{", "").replace("}", ""), quote=True)


def _link(verb: str, path: str, operation: Mapping[str, Any]) -> str:
    return f'<a href="#{_anchor(verb, path)}">{escape(operation["summary"])}</a>'


def _article(verb: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    parameters = [
        _row(parameter["name"], _type(parameter["schema"], document), _says(parameter), required=parameter.get("required", False))
        for parameter in operation.get("parameters", [])
    ]
    parts = [f'<article id="{_anchor(verb, path)}"><h3><span class="verb {verb}">{verb.upper()}</span><code>{escape(path)}</code></h3>']
    parts.append(f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>")
    if parameters:
        parts.append(f"<table><caption>Parameters</caption>{''.join(parameters)}</table>")
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        parts.append(f"<h4>Body</h4>{_object(schema, document)}")
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if content:
            parts.append(f"<details><summary>Answer {escape(status)}</summary>{_object(content['schema'], document)}</details>")
    return "".join(parts) + "</article>"


def _says(parameter: Mapping[str, Any]) -> str:
    return str(parameter.get("description") or parameter["schema"].get("description") or "")


def _prose(text: str) -> str:
    """Escaped text in which `marked` words are set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _row(name: str, kind: str, says: str, *, required: bool) -> str:
    need = "" if required else " <span class=soft>optional</span>"
    return f"<tr><td><code>{escape(name)}</code>{need}</td><td>{escape(kind)}</td><td>{_prose(says)}</td></tr>"


def _object(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    rows = "".join(_members(schema, document, "", 0))
    return f"<table>{rows}</table>" if rows else f"<p>{escape(_type(schema, document))}</p>"


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _members(schema: Mapping[str, Any], document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[str]:
    """One row per member, nested ones by their path; four levels are enough for every answer."""
    resolved = _resolved(schema, document)
    required = resolved.get("required", [])
    for name, member in resolved.get("properties", {}).items():
        inner = _resolved(member, document)
        yield _row(
            prefix + name,
            _type(member, document),
            str(member.get("description") or inner.get("description", "")),
            required=name in required,
        )
        items = inner.get("items") if inner.get("type") == "array" else inner
        if items is not None and depth < 4:
            suffix = "[]." if inner.get("type") == "array" else "."
            yield from _members(items, document, f"{prefix}{name}{suffix}", depth + 1)


def _type(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    resolved = _resolved(schema, document)
    if "anyOf" in resolved:
        return " or ".join(_type(option, document) for option in resolved["anyOf"])
    if "enum" in resolved:
        return " | ".join(str(value) for value in resolved["enum"])
    if "const" in resolved:
        return str(resolved["const"])
    if resolved.get("type") == "array":
        return f"list of {_type(resolved['items'], document)}"
    if "properties" in resolved:
        return str(resolved.get("title", "object"))
    return str(resolved.get("format") or resolved.get("type", "any"))
