"""Names, folders, locks and the log of a workspace: one folder or prefix for all datasets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import socket
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import filelock
import platformdirs

from facecurate import __version__, storage
from facecurate.errors import FacecurateError, LockedError, StoppedError, UsageError
from facecurate.stones import PICTURE, Stones
from facecurate.text import printable

RESERVED = ("runs", "cache", "tombstones", "takedowns")
TOMBSTONES, TAKEDOWNS = "tombstones.parquet", "takedowns"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
CONFIG = "facecurate.toml"


def check_name(name: str) -> str:
    """The name itself if a dataset may bear it; else UsageError with a name that would do."""
    if _NAME.fullmatch(name) and name not in RESERVED:
        return name
    proposal = suggest_name(name)
    why = "is reserved" if name in RESERVED else "is not [a-z0-9][a-z0-9-]*, at most 64 characters"
    raise UsageError(f"the name '{printable(name, 80)}' {why}: try --name {proposal}")


def suggest_name(text: str) -> str:
    """A valid dataset name that resembles ``text``."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "photos"
    return f"{name}-data" if name in RESERVED else name


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of a workspace: where its pools and tables lie."""

    workspace: str
    name: str

    @property
    def url(self) -> str:
        """The dataset's folder."""
        return storage.join(self.workspace, self.name)

    def path(self, *names: str) -> str:
        """A file or folder of the dataset."""
        return storage.join(self.url, *names)

    def has(self, *names: str) -> bool:
        """True if that file or folder exists."""
        return storage.exists(self.path(*names))

    @contextlib.contextmanager
    def lock(self, command: str) -> Iterator[str | None]:
        """Holds the dataset for one writing command; yields a line about a dead holder, if any.

        Raises LockedError, naming the holder, while another process holds it.
        """
        with _lock(_lock_path(self.url), self.name, command) as left:
            if command not in FINISHERS:
                _refuse_half_done(self)
            storage.sweep(self.url)
            yield left


FINISHERS = ("takedown", "recheck", "crawl")  # commands that go on with a take-down themselves


def pending(workspace: str) -> dict[str, dict[str, Any]]:
    """Take-downs that were begun and not finished: their notes by url, oldest name first."""
    folder = storage.join(workspace, TAKEDOWNS)
    names = (n for n in storage.list(folder) if n.startswith("pending-") and n.endswith(".json"))
    return {url: json.loads(storage.read(url)) for url in (storage.join(folder, n) for n in names)}


def _refuse_half_done(dataset: Dataset) -> None:
    """Nothing is made from a dataset out of which something is being taken."""
    if any(dataset.name in note["datasets"] for note in pending(dataset.workspace).values()):
        raise StoppedError(
            f"a take-down of {dataset.name} was interrupted: finish it with 'facecurate takedown'"
        )


def _lock_path(url: str) -> str:
    if storage.is_local(url):
        return storage.join(url, ".lock")
    folder = platformdirs.user_state_path("facecurate") / "locks"
    return str(folder / hashlib.sha256(url.encode()).hexdigest()[:32])


@contextlib.contextmanager
def _lock(path: str, name: str, command: str) -> Iterator[str | None]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise LockedError(f"{name} is being written by {_holder(path)}: wait for it") from error
    try:
        left = _holder(path) if storage.exists(path + ".json") else None
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": command}
        storage.write_atomic(path + ".json", json.dumps(holder).encode())
        yield f"{left} ended without finishing; going on from there" if left else None
        storage.delete(path + ".json")
    except Exception:
        storage.delete(path + ".json")
        raise
    finally:
        lock.release()


def _holder(path: str) -> str:
    try:
        holder = json.loads(storage.read(path + ".json"))
        return f"'{printable(holder['command'])}' (process {holder['pid']} on {holder['host']})"
    except (OSError, ValueError, KeyError):
        return "another command"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder or bucket prefix that holds datasets, runs and tombstones."""

    url: str

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name, whether it exists or not."""
        return Dataset(self.url, check_name(name))

    def names(self) -> list[str]:
        """The datasets that have photos, and mixtures that have shards, in order of their names."""
        found = [n for n in storage.list(self.url) if _NAME.fullmatch(n) and n not in RESERVED]
        return [n for n in found if self._has_content(n)]

    def _has_content(self, name: str) -> bool:
        finished = storage.join(self.url, name, "shards", "dataset.json")
        return bool(storage.list(storage.join(self.url, name, "photos"))) or storage.exists(
            finished
        )

    def only(self, template: str = "COMMAND {}") -> str:
        """The name of the only dataset; an error that lists what to type if it is not clear.

        ``template``: a command with ``{}`` where the name goes.
        """
        names = self.names()
        if len(names) == 1:
            return names[0]
        if not names:
            raise FacecurateError(
                f"no dataset in {self.url} yet: try 'facecurate demo', "
                "or 'facecurate import FOLDER' with photos of your own"
            )
        lines = "; ".join(f"facecurate {template.format(n)}" for n in names)
        raise UsageError(f"{len(names)} datasets in {self.url}: type one of: {lines}")

    def runs(self) -> list[str]:
        """Names of the finished pre-training runs, in order."""
        url = storage.join(self.url, "runs")
        done = (n for n in storage.list(url) if n != "evaluate")
        return [n for n in done if storage.exists(storage.join(url, n, "weights.safetensors"))]


def tombstones(workspace: str) -> Stones:
    """(kind, SHA-256 of the normalised id) of everything taken down from a workspace.

    Of pictures that are remembered by how they look the 256-bit hash itself.
    """
    rows = _stone_rows(workspace)
    digests = [(r["kind"], r["id_sha256"]) for r in rows if r["kind"] != PICTURE]
    pictures = [(PICTURE, r["phash256"]) for r in rows if r["phash256"] is not None]
    return frozenset([*digests, *pictures])


def buried_faces(workspace: str) -> dict[bytes, list[float] | None]:
    """Faces taken down from photos that stayed: SHA-256 of the key, and the box where it is known.

    Another detector may give another face that key, so the place counts where it is known.
    """
    return {r["id_sha256"]: r["box"] for r in _stone_rows(workspace) if r["kind"] == "face"}


def _stone_rows(workspace: str) -> list[dict[str, Any]]:
    url = storage.join(workspace, TOMBSTONES)
    if not storage.exists(url):
        return []
    from facecurate.records import TOMBSTONE_SCHEMA, from_parquet

    return list(from_parquet(storage.read(url), TOMBSTONE_SCHEMA, url).to_pylist())


# -- the log ---------------------------------------------------------------------------------


_SECRET = re.compile(r"(?i)(key|secret|token|password|contact)")


def public_arguments(arguments: list[str]) -> list[str]:
    """A command line without passwords in URLs, contacts, and values of options like secrets."""
    shown, hide = [], False
    for argument in arguments:
        argument = re.sub(r"://[^/@\s]*@", "://***@", argument)
        option, equals, _ = argument.partition("=")
        secret = argument.startswith("-") and bool(_SECRET.search(option))
        shown.append("***" if hide else f"{option}=***" if secret and equals else argument)
        hide = secret and not equals
    return shown


def log(
    dataset: Dataset,
    *,
    arguments: list[str],
    began: float,
    exit_code: int,
    counts: Mapping[str, Any],
) -> None:
    """Adds one line about a command to the dataset's ``log.jsonl``."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "command": public_arguments(arguments),
        "version": __version__,
        "seconds": round(time.time() - began, 3),
        "peak_memory_bytes": max(u.ru_maxrss for u in usage) * 1024,
        "counts": counts,
        "exit_code": exit_code,
    }
    storage.append(dataset.path("log.jsonl"), json.dumps(line, ensure_ascii=True))


# -- links to datasets that the user holds -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """Where the files of a known dataset lie."""

    dataset: str
    root: str
    rendered: bool = False
    name: str | None = None  # the workspace dataset of a rendered stand-in


def user_config() -> str:
    """The user's ``facecurate.toml``; ``FACECURATE_CONFIG`` names another."""
    default = platformdirs.user_config_path("facecurate") / CONFIG
    return os.environ.get("FACECURATE_CONFIG") or str(default)


def links(workspace: str) -> dict[str, list[Link]]:
    """All links by dataset: the user's own first, then the workspace's rendered ones."""
    found: dict[str, list[Link]] = {}
    for url in (user_config(), storage.join(workspace, CONFIG)):
        for link in _read_links(url, workspace):
            found.setdefault(link.dataset, []).append(link)
    return found


def _read_links(url: str, workspace: str) -> list[Link]:
    try:
        table = tomllib.loads(_text(url)).get("links", {})
        return [_link(dataset, entry, workspace) for dataset, entry in table.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FacecurateError(f"{url} cannot be read as links: {error}") from error


def _link(dataset: str, entry: Mapping[str, Any], workspace: str) -> Link:
    name = entry.get("name")
    root = storage.join(workspace, name, "files") if name else entry["root"]
    return Link(dataset, root, bool(entry.get("rendered", False)), name)


def _text(url: str) -> str:
    return storage.read(url).decode() if storage.exists(url) else ""


def add_link(url: str, dataset: str, **entry: str | bool) -> None:
    """Writes one link into a ``facecurate.toml``, keeping the others and all else that is there.

    Only the tables of links are written anew. Raises FacecurateError for a file that is no TOML, or
    whose links are written in a way that cannot be taken out of it; the file is then as it was.
    """
    with file_lock(url):
        try:
            before = _text(url)
            document = tomllib.loads(before)
            document["links"] = {**document.get("links", {}), dataset: entry}
        except (ValueError, TypeError) as error:
            raise FacecurateError(f"{url} cannot be read as links: {error}") from error
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            after = _other_text(before) + _link_tables(document["links"])
            if tomllib.loads(after) == document:
                storage.write_atomic(url, after.encode())
                return
    lines = "; ".join(f"{key} = {_toml(value)}" for key, value in sorted(entry.items()))
    raise FacecurateError(
        f"{url} holds links that were written by hand: add these lines to it yourself: "
        f"[links.{json.dumps(dataset)}]; {lines}"
    )


_TABLE = re.compile(r"^(?=[ \t]*\[)", re.MULTILINE)
_LINKS_TABLE = re.compile(r"""[ \t]*\[[ \t]*(links|"links"|'links')[ \t]*[.\]]""")


def _other_text(text: str) -> str:
    """The text of a ``facecurate.toml`` without its tables of links; a comment for a new one."""
    kept = "".join(block for block in _TABLE.split(text) if not _LINKS_TABLE.match(block)).rstrip()
    comment = "# Where the files of known datasets lie; written by 'facecurate datasets link'."
    return (kept or comment) + "\n"


def _link_tables(table: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for known, values in sorted(table.items()):
        lines.append(f"\n[links.{json.dumps(known)}]\n")
        lines += [f"{key} = {_toml(value)}\n" for key, value in sorted(values.items())]
    return "".join(lines)


@contextlib.contextmanager
def file_lock(url: str) -> Iterator[None]:
    """Holds a file while it is read and written anew; waits for others that do the same."""
    path = f"{url}.lock" if storage.is_local(url) else _lock_path(url)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        with filelock.FileLock(path, timeout=30):
            yield
    except filelock.Timeout as error:
        raise LockedError(f"{url} is being written by another command: wait for it") from error


def _toml(value: str | bool) -> str:
    """JSON is TOML but for characters beyond 16 bits, which TOML has no pairs for, and DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
