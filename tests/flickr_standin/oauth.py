"""Who asks: a key as parameter, an OAuth 1.0 header (RFC 5849), or the signatures of old."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from .codes import NOT_FOUND, Refusal

Pairs = Sequence[tuple[str, str]]


class BadSignature(Exception):
    """Answered with HTTP 401 and this text."""


def header(text: str) -> dict[str, str]:
    """The fields of an Authorization header of the scheme OAuth, {} for another."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "oauth":
        return {}
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}


def base_string(method: str, url: str, pairs: Pairs) -> str:
    """The text that is signed."""
    encoded = sorted(
        (quote(name, safe="-._~"), quote(value, safe="-._~"))
        for name, value in pairs
        if name not in ("oauth_signature", "realm")
    )
    joined = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join(quote(part, safe="-._~") for part in (method, url, joined))


def check(
    method: str,
    url: str,
    params: Mapping[str, str],
    fields: Mapping[str, str],
    keys: Mapping[str, str | None],
) -> str:
    """The key of a call that may go on; raises Refusal or BadSignature.

    ``keys``: secrets by key, None for a secret that is not looked at; the key "*" stands for any.
    """
    signed = {**params, **fields}
    if "oauth_consumer_key" not in signed:
        return _plain(params, keys)
    key = signed["oauth_consumer_key"]
    if _form(key) is None or (key not in keys and "*" not in keys):
        raise BadSignature("oauth_problem=consumer_key_unknown")
    if not signed.get("oauth_signature"):
        raise Refusal(97)
    secret = keys.get(key, keys.get("*"))
    text = base_string(method, url, list(signed.items()))
    if secret is not None and not _same(text, secret, signed["oauth_signature"]):
        raise BadSignature(f"oauth_problem=signature_invalid&debug_sbs={text}")
    return key


def _same(text: str, secret: str, signature: str) -> bool:
    signing = f"{quote(secret, safe='-._~')}&".encode()
    expected = base64.b64encode(hmac.digest(signing, text.encode(), hashlib.sha1)).decode()
    return hmac.compare_digest(expected, signature)


def _form(key: str) -> str | None:
    return key if re.fullmatch(r"[0-9a-f]{32}", key) else None


def _plain(params: Mapping[str, str], keys: Mapping[str, str | None]) -> str:
    key = params.get("api_key", "")
    if _form(key) is None:
        raise Refusal(100)
    if key not in keys and "*" not in keys:
        raise Refusal(100, NOT_FOUND)
    if "auth_token" in params and "api_sig" not in params:
        raise Refusal(97)
    if "api_sig" in params:
        joined = "".join(f"{k}{params[k]}" for k in sorted(params) if k != "api_sig")
        secret = keys.get(key, keys.get("*")) or ""
        if hashlib.md5((secret + joined).encode()).hexdigest() != params["api_sig"]:
            raise Refusal(96)
        if "auth_token" in params:
            raise Refusal(98)
    return key
