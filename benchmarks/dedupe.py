"""Duplicates at the scale of millions: the join of hashes, the hashes, neighbours of vectors.

    python benchmarks/dedupe.py [--only join,hash,neighbours,clusters] [--faces N] [--quick]
        [--folder DIR] [--json FILE]

join: all pairs of 64-bit hashes within 8 bits, uniform ones and those of 8,000 rendered faces
tiled to a million with every bit turned with chance 0.1 (drawing 100,000 faces takes half an hour
on two cores); FAISS is extrapolated from 4,000 rows, whose pairs must be ours, and brute force
from 200,000. hash: JPEG bytes to the 64- and 256-bit hashes, upright and mirrored, on one core,
against the decoder alone. neighbours: a million vectors in a file, the exact product extrapolated
from 30,000. clusters: the whole command on 4,000 rendered faces (--faces 20000 takes ten minutes)
with copies planted in seven ways; --folder keeps what is drawn for the next run. Peaks are those of
a process of its own. Where a peer cannot be had, a line says why.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import _clusters
import _hash
import _join
import _neighbours
from _figures import Figure, table, write

SECTIONS: dict[str, Callable[[bool], list[Figure]]] = {
    "join": _join.figures,
    "hash": _hash.figures,
    "neighbours": _neighbours.figures,
    "clusters": _clusters.figures,
}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="Joins, hashes and neighbours, with their peers.")
    parser.add_argument("--only", metavar="A,B", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--faces", type=int, metavar="N", help="rendered faces for clusters")
    parser.add_argument("--folder", metavar="DIR", help="where drawn faces are kept and taken from")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--alone", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone:
        what, *arguments = chosen.alone
        if what == "join":
            _join.alone(int(arguments[0]))
        else:
            _neighbours.alone(arguments[0], int(arguments[1]))
        return
    names = chosen.only.split(",") if chosen.only else list(SECTIONS)
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {', '.join(unknown)}: choose of {', '.join(SECTIONS)}")
    SECTIONS["clusters"] = lambda quick: _clusters.figures(quick, chosen.faces, chosen.folder)
    figures = [figure for name in names for figure in SECTIONS[name](chosen.quick)]
    print(table(figures))
    print(figures[0].machine)
    write(chosen.json, figures)


if __name__ == "__main__":
    main()
