"""Serves a stand-in until Ctrl-C and says how to point facecurate at it."""

from __future__ import annotations

import argparse
import json
import threading
from pathlib import Path

from . import Behaviour, Rate, Standin, World


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.flickr_standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the API; 0 for a free one")
    parser.add_argument("--image-port", type=int, default=0, help="of the images; 0 for a free one")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bursts", type=int, default=0, help="spells of many uploads")
    parser.add_argument("--burst-size", type=int, default=4500)
    parser.add_argument("--term", default="faces", help="what a search for finds the photos")
    parser.add_argument("--odd", type=float, default=1.0, help="0: nothing but photos to take")
    parser.add_argument("--pool", type=int, default=6, help="drawn photos of each of six shapes")
    parser.add_argument("--per-hour", type=int, default=3600, help="calls of a key; 0: no limit")
    parser.add_argument("--images-per-second", type=float, default=0.0, help="0: no limit")
    parser.add_argument("--faults", type=Path, help="JSON list of faults")
    parser.add_argument("--legacy", action="store_true", help="numbers in JSON as before 2020")
    return parser.parse_args()


def _standin(options: argparse.Namespace) -> Standin:
    world = World(
        photos=options.photos,
        seed=options.seed,
        bursts=options.bursts,
        burst_size=options.burst_size,
        term=options.term,
        odd=options.odd,
    )
    return Standin(
        world,
        rate=Rate(options.per_hour or None, images_per_second=options.images_per_second or None),
        faults=json.loads(options.faults.read_text()) if options.faults else (),
        behaviour=Behaviour(types="legacy" if options.legacy else "modern"),
        pool=options.pool,
        any_key=True,
        ports=(options.port, options.image_port),
    )


def main() -> None:
    """Serves until Ctrl-C."""
    options = _options()
    with _standin(options) as standin:
        print(f"REST_URL {standin.rest_url}")
        print(f"IMAGES   {standin.image_base}")
        print(f"CONTROL  {standin.control_url} (requests, counters; POST reset, clock?t=, faults)")
        print(f"\n{options.photos} photos; a search for '{options.term}' finds them. To use it:\n")
        print(f"  export FACECURATE_FLICKR_URL={standin.rest_url}")
        print(f"  export FACECURATE_FLICKR_IMAGE_HOST={standin.image_host}")
        print(f"  export FLICKR_API_KEY={standin.key} FLICKR_API_SECRET={standin.secret}")
        print(
            "\nAny 32 and 16 hexadecimal digits do as key and secret. Ctrl-C ends it.", flush=True
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
