"""Parameters by name, out of files and finished runs, with what is needed to use them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from facecurate import FORMAT, storage
from facecurate.errors import DamagedError, FacecurateError
from facecurate.text import printable
from facecurate.weights.known import Download, Known, locate, only_member
from facecurate.weights.names import parse, run_name

if TYPE_CHECKING:
    from torch import Tensor


def load_state_dict(path: str, strip: Sequence[str] = ("module.",)) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or a torch checkpoint, on the CPU, by parameter name.

    A checkpoint may hold them under ``state_dict`` or ``model``; only tensors are ever unpickled.
    ``strip``: see ``strip_prefix``. Raises DamagedError for a file that is neither.
    """
    return strip_prefix(_tensors(storage.read(path), path), strip)


def _tensors(data: bytes, path: str) -> dict[str, Tensor]:
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    if path.endswith(".safetensors"):
        try:
            return load(data)
        except SafetensorError as error:
            raise DamagedError(f"{printable(path)} is no safetensors file: {error}") from error
    inner = only_member(data)
    try:
        held = torch.load(io.BytesIO(inner or data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise DamagedError(f"{printable(path)} is no torch file of tensors alone") from error
    return _state(held, path)


def _state(held: Any, path: str) -> dict[str, Tensor]:
    import torch

    for key in ("state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            held = held[key]
    state = {
        str(key): value
        for key, value in (held.items() if isinstance(held, Mapping) else ())
        if isinstance(value, torch.Tensor)
    }
    if not state:
        raise DamagedError(f"{printable(path)} holds no tensors by name")
    return state


def strip_prefix(state: Mapping[str, Tensor], prefixes: Sequence[str]) -> dict[str, Tensor]:
    """``state`` with the longest of ``prefixes`` that occurs taken off, the other keys left out.

    So ``module.encoder_q.`` gives the query encoder of a MoCo checkpoint without its key encoder.
    If none occurs, ``state`` as it is.
    """
    for prefix in sorted(prefixes, key=len, reverse=True):
        inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if inside:
            return inside
    return dict(state)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Parameters with what is needed to use them.

    ``name`` as the user would write it, ``sha256`` of the file, ``state`` by parameter name;
    ``arch`` ('' if the file does not say), ``mean`` and ``std`` of RGB in 0-1, ``input_size`` in
    pixels.
    """

    name: str
    sha256: str
    state: dict[str, Tensor]
    arch: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: int


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NOTES = ("arch", "mean", "std", "input_size")


def run_weights(workspace: str, name: str) -> Weights:
    """The weights of a finished run: ``WORKSPACE/runs/NAME/weights.safetensors``.

    Raises FacecurateError, listing the runs there are, or DamagedError.
    """
    runs = storage.join(workspace, "runs")
    path = storage.join(runs, run_name(name), "weights.safetensors")
    if not storage.exists(path):
        finished = [
            run
            for run in storage.list(runs)
            if storage.exists(storage.join(runs, run, "weights.safetensors"))
        ]
        there = f"finished runs: {', '.join(finished)}" if finished else "no run has finished yet"
        raise FacecurateError(f"no weights of run '{name}' in {workspace}: {there}")
    return _read(f"run:{name}", path)


def file_weights(path: str, strip: Sequence[str] = ("module.",)) -> Weights:
    """The weights in a file of the user's; a .safetensors file may say what they are."""
    if not storage.exists(path) or storage.is_folder(path):
        raise FacecurateError(f"no file of weights at {printable(path)}")
    return _read(f"file:{storage.name(path)}", path, strip)


def _read(name: str, path: str, strip: Sequence[str] = ()) -> Weights:
    data = storage.read(path)
    state = strip_prefix(_tensors(data, path), strip)
    about = _metadata(data, path) if path.endswith(".safetensors") else {}
    return Weights(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        state=state,
        arch=str(about.get("arch", "")),
        mean=tuple(about.get("mean", IMAGENET_MEAN)),
        std=tuple(about.get("std", IMAGENET_STD)),
        input_size=int(about.get("input_size", 224)),
    )


def _metadata(data: bytes, path: str) -> dict[str, Any]:
    """What a run wrote into its safetensors file's header, as JSON values; {} for other files."""
    length = int.from_bytes(data[:8], "little")
    held = cast(dict[str, str], json.loads(data[8 : 8 + length]).get("__metadata__") or {})
    if "facecurate.format" not in held:
        return {}
    if int(held["facecurate.format"]) > FORMAT:
        raise FacecurateError(f"{printable(path)} was written by a newer facecurate: upgrade it")
    return {key: json.loads(held[key]) for key in _NOTES if key in held}


def torchvision_weights(name: str, *, download: Download | None = None) -> Weights:
    """The model ``name`` of torchvision as first published (IMAGENET1K_V1; V2 is another recipe).

    The file's name ends in the first eight digits of its SHA-256, which is checked.
    """
    from torchvision.models import get_model_weights

    try:
        published = get_model_weights(name)["IMAGENET1K_V1"]
    except (KeyError, ValueError) as error:
        raise FacecurateError(f"torchvision has no ImageNet weights '{printable(name)}'") from error
    file = published.url.rsplit("/", 1)[-1]
    digits = file.rsplit("-", 1)[-1].split(".")[0]
    limit, licence = 2_000_000_000, "BSD-3-Clause"
    known = Known(
        f"torchvision:{name}", file, published.url, digits, limit, licence, by_option=False
    )
    path = locate(known, download=download)
    look = published.transforms()
    return Weights(
        name=f"torchvision:{name}",
        sha256=storage.digest(path),
        state=load_state_dict(path),
        arch=name,
        mean=tuple(look.mean),
        std=tuple(look.std),
        input_size=int(look.crop_size[0]),
    )


def resolve(text: str, *, workspace: str, download: Download | None = None) -> Weights | None:
    """The weights that ``text`` names in the grammar of ``parse``; None for ``scratch``.

    Raises UsageError for a word that names none, FacecurateError where they are not to be had.
    """
    wanted = parse(text)
    if wanted.kind == "scratch":
        return None
    if wanted.kind == "run":
        return run_weights(workspace, wanted.name)
    if wanted.kind == "file":
        return file_weights(wanted.name)
    if wanted.kind == "torchvision":
        return torchvision_weights(wanted.name, download=download)
    if wanted.name:
        raise FacecurateError(
            f"{printable(str(wanted))} is not fetched by this version: download its file and give "
            "file:PATH"
        )
    raise FacecurateError(f"{wanted.kind} has no parameters: it is an encoder for embed alone")
