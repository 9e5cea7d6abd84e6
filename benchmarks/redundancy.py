"""The redundancy of a dataset: what is measured, how exactly, how fast.

    python benchmarks/redundancy.py [--only vectors,labels,...] [--quick] [--json FILE]

vectors: the measures on vectors, of 131,000 and a million planted frames of 27 people in a file;
FAISS and scikit-learn count neighbours within one tolerance of as many frames as they can. Peaks
are those of a process of its own, mapped files with them.
labels: label runs, effective samples, spectra, dimension: against known truth, and their seconds.
subsets: chosen frames against stride and stratified random, on rendered video (kept for next time).
speed: choosing and probing at DISFA's size; apricot-select chooses from the same graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import _redundancy_labels
import _redundancy_speed
import _redundancy_subsets
import _redundancy_vectors
from _figures import Figure, table, write

SECTIONS: dict[str, Callable[[bool], list[Figure]]] = {
    "vectors": _redundancy_vectors.figures,
    "labels": _redundancy_labels.figures,
    "subsets": _redundancy_subsets.figures,
    "speed": _redundancy_speed.figures,
}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description="The measures of redundancy-report.")
    parser.add_argument("--only", metavar="A,B", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone:
        _redundancy_vectors.alone(chosen.alone[1])
        return
    names = chosen.only.split(",") if chosen.only else list(SECTIONS)
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {', '.join(unknown)}: choose of {', '.join(SECTIONS)}")
    figures = [figure for name in names for figure in SECTIONS[name](chosen.quick)]
    print(table(figures))
    print(figures[0].machine)
    write(chosen.json, figures)


if __name__ == "__main__":
    main()
