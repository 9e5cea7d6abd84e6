"""Replies as JSON, as a script call, or as XML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .codes import Refusal

JSON, SCRIPT = "application/json", "text/javascript; charset=utf-8"
XML = "text/xml; charset=utf-8"
Tree = Mapping[str, Any]


def encode(reply: Tree, params: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body, in the form that the parameters ask for; Refusal 111 for no form."""
    form = params.get("format", "rest")
    if form == "json":
        text = json.dumps(reply, separators=(",", ":")).replace("/", "\\/")
        if params.get("nojsoncallback") == "1":
            return JSON, text.encode()
        name = re.sub(r"[^\w.]", "", params.get("jsoncallback", "")) or "jsonFlickrApi"
        return SCRIPT, f"{name}({text})".encode()
    if form == "rest":
        return XML, xml(reply).encode()
    raise Refusal(111, f'Format "{form}" not found')


def xml(reply: Tree) -> str:
    """The XML form: scalars are attributes, the rest are elements, ``_content`` is text."""
    head = f'<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="{reply["stat"]}">\n'
    if reply["stat"] == "fail":
        said = f"code={quoteattr(str(reply['code']))} msg={_attribute(reply['message'])}"
        return f"{head}\t<err {said} />\n</rsp>\n"
    parts = [_elements(name, value, 0) for name, value in reply.items() if name != "stat"]
    return f"{head}{''.join(parts)}</rsp>\n"


def _elements(name: str, value: Any, depth: int) -> str:
    values = value if isinstance(value, list) else [value]
    return "".join(_element(name, one, depth) for one in values)


def _element(name: str, value: Any, depth: int) -> str:
    tree = value if isinstance(value, Mapping) else {"_content": value}
    indent = "\t" * depth
    attributes = "".join(
        f" {key}={_attribute(one)}"
        for key, one in tree.items()
        if not isinstance(one, Mapping | list) and key != "_content"
    )
    inner = "".join(
        _elements(key, one, depth + 1)
        for key, one in tree.items()
        if isinstance(one, Mapping | list)
    )
    text = escape(str(tree.get("_content", "")))
    if inner:
        return f"{indent}<{name}{attributes}>\n{inner}{indent}</{name}>\n"
    if text:
        return f"{indent}<{name}{attributes}>{text}</{name}>\n"
    return f"{indent}<{name}{attributes} />\n"


def _attribute(value: Any) -> str:
    text = escape("" if value is None else str(value), {'"': "&quot;"})
    return f'"{text}"'
