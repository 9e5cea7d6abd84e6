"""Scores of predicted labels, and the trivial predictors that a network has to beat.

A prediction is a dict: ``points`` (N, 68, 2) pixels of the view, ``units`` (N, 12), ``affect``
(N, 2), ``pose`` (N, 3) degrees, ``expression`` (N, 8) a score for each class.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from _drawn import ALIGNED, BOXED, UNITS, Faces
from numpy.typing import NDArray

from facecurate import images
from facecurate.metrics import icc31, inter_ocular, nme
from facecurate.synth.affect import EXPRESSIONS

Floats = NDArray[np.float64]
Prediction = Mapping[str, Floats]

SMALL = 32  # pixels: side of the picture that the trivial predictors see
OUTER_CORNERS = (36, 45)
STRENGTHS = (1e0, 1e1, 1e2, 1e3, 1e4)  # of the ridge, chosen on the validation faces
BINS = 6  # a channel, of the colour histograms
FAR = 0.01
# What is read off which view; people are told apart by the aligned one.
VIEWS = {"boxed": ("points", "pose"), "aligned": ("units", "affect", "expression")}
LABELS: dict[str, bool] = {  # figure -> whether more is better
    "landmarks: NME, % of the eyes' outer corners": False,
    "action units: ICC(3,1), mean of 12": True,
    "valence: CCC": True,
    "arousal: CCC": True,
    "pose: mean error of yaw, pitch, roll, deg": False,
    "expression: recall, mean of 8 classes": True,
}


def targets(faces: Faces) -> dict[str, Floats]:
    """The truth as a prediction; the points in the frame of the view cut from the middle."""
    return {
        "points": faces.points.astype(np.float64) - (BOXED[0] - BOXED[1]) / 2,
        "units": faces.units.astype(np.float64),
        "affect": faces.affect.astype(np.float64),
        "pose": faces.pose.astype(np.float64),
        "expression": np.eye(len(EXPRESSIONS))[faces.expression],
    }


def ccc(prediction: Floats, truth: Floats) -> float:
    """Concordance correlation (Lin, 1989): (N,), (N,) -> at most 1."""
    covariance = ((prediction - prediction.mean()) * (truth - truth.mean())).mean()
    apart = (prediction.mean() - truth.mean()) ** 2
    return float(2 * covariance / (prediction.var() + truth.var() + apart + 1e-12))


def unit_scores(prediction: Prediction, truth: Prediction) -> dict[int, float]:
    """ICC(3,1) of each of the twelve units."""
    pairs = zip(UNITS, prediction["units"].T, truth["units"].T, strict=True)
    return {number: icc31(p, t) for number, p, t in pairs}


def scores(prediction: Prediction, truth: Prediction) -> dict[str, float]:
    """The figures of ``LABELS``, in their order."""
    normaliser = inter_ocular(truth["points"], *OUTER_CORNERS)
    apart = np.abs(prediction["pose"] - truth["pose"])
    chosen, right = prediction["expression"].argmax(axis=1), truth["expression"].argmax(axis=1)
    recalls = [float((chosen[right == k] == k).mean()) for k in np.unique(right)]
    values = (
        float(nme(prediction["points"], truth["points"], normaliser).mean()),
        float(np.mean(list(unit_scores(prediction, truth).values()))),
        ccc(prediction["affect"][:, 0], truth["affect"][:, 0]),
        ccc(prediction["affect"][:, 1], truth["affect"][:, 1]),
        float(apart.mean()),
        float(np.mean(recalls)),
    )
    return dict(zip(LABELS, values, strict=True))


# -- trivial predictors --------------------------------------------------------------------------


def pixels(faces: Faces, name: str = "aligned") -> Floats:
    """(N, SMALL * SMALL * 3) the views at a side of 32 pixels, about 0."""
    stored, seen = BOXED if name == "boxed" else ALIGNED
    views = centred(getattr(faces, name), stored, seen)
    small = np.stack([images.resize(np.ascontiguousarray(v), SMALL, SMALL) for v in views])
    return np.asarray(small.reshape(len(views), -1) / 255.0 - 0.5)


def centred(pictures: NDArray[np.uint8], stored: int, seen: int) -> NDArray[np.uint8]:
    """(N, seen, seen, 3) the middle of the stored pictures."""
    cut = (stored - seen) // 2
    return pictures[:, cut : cut + seen, cut : cut + seen]


def mean_predictor(train: Faces, test: Faces) -> Prediction:
    """The training faces' mean, whatever is seen."""
    return {k: np.repeat(v.mean(axis=0)[None], len(test), 0) for k, v in targets(train).items()}


def nearest(train: Faces, test: Faces) -> Prediction:
    """The labels of the training face whose 32-pixel picture is closest."""
    known, out = targets(train), {}
    for name, labels in VIEWS.items():
        a, b = pixels(test, name), pixels(train, name)
        closest = ((b**2).sum(axis=1) - 2 * a @ b.T).argmin(axis=1)
        out.update({label: known[label][closest] for label in labels})
    return out


def ridge(train: Faces, val: Faces, test: Faces) -> Prediction:
    """Linear in the 32-pixel picture; each label's strength is the validation's best."""
    out: dict[str, Floats] = {}
    for name, labels in VIEWS.items():
        told = linear(train, val, test, *(pixels(f, name) for f in (train, val, test)))
        out.update({label: told[label] for label in labels})
    return out


def from_units(train: Faces, val: Faces, test: Faces) -> Prediction:
    """Linear in all exact units: what is left of valence and arousal is the person's offset."""
    return linear(train, val, test, *(f.every.astype(np.float64) for f in (train, val, test)))


def linear(train: Faces, val: Faces, test: Faces, x: Floats, xv: Floats, xt: Floats) -> Prediction:
    """Ridge regression of every label on the features (N, D) of the three sets."""
    known, checked = targets(train), targets(val)
    middle = x.mean(axis=0)
    values, vectors = _spectrum(x - middle)
    out: dict[str, Floats] = {}
    for name, label in known.items():
        flat = label.reshape(len(label), -1)
        centred = vectors.T @ ((x - middle).T @ (flat - flat.mean(axis=0)))
        best = np.inf
        for strength in STRENGTHS:
            weights = vectors @ (centred / (values + strength)[:, None])
            guess = (xv - middle) @ weights + flat.mean(axis=0)
            error = float(((guess - checked[name].reshape(len(xv), -1)) ** 2).mean())
            if error < best:
                best = error
                told = (xt - middle) @ weights + flat.mean(axis=0)
                out[name] = told.reshape(len(xt), *label.shape[1:])
    return out


def _spectrum(x: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (K,) and vectors (D, K) of x.T @ x, by the smaller of the two products."""
    if len(x) >= x.shape[1]:
        values, vectors = np.linalg.eigh(x.T @ x)
        return values, vectors
    values, left = np.linalg.eigh(x @ x.T)
    kept = values > 1e-8 * values[-1]
    return values[kept], x.T @ (left[:, kept] / np.sqrt(values[kept]))


# -- verification --------------------------------------------------------------------------------


def verification(vectors: Floats, people: NDArray[np.int64]) -> tuple[float, float]:
    """AUC and TAR at FAR = 1 % of the cosine over all pairs of (N, D) vectors."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    first, second = np.triu_indices(len(unit), 1)
    alike, same = (unit @ unit.T)[first, second], people[first] == people[second]
    genuine, others = alike[same], np.sort(alike[~same])
    below = np.searchsorted(others, genuine, "left") + np.searchsorted(others, genuine, "right")
    limit = others[len(others) - 1 - int(FAR * len(others))]
    return float(below.mean() / 2 / len(others)), float((genuine > limit).mean())


def histogram(faces: Faces) -> Floats:
    """(N, BINS**3) square roots of the colours' shares in the aligned face's middle half."""
    middle = centred(faces.aligned, ALIGNED[0], ALIGNED[1] // 2)
    binned = middle.reshape(len(faces), -1, 3).astype(np.int64) * BINS // 256
    codes = (binned * [BINS * BINS, BINS, 1]).sum(axis=2)
    counts = np.stack([np.bincount(c, minlength=BINS**3) for c in codes])
    return np.asarray(np.sqrt(counts / codes.shape[1]))


def discriminant(train: Faces, test: Faces) -> Floats:
    """(N, D) 32-pixel pictures of the test, whitened by how each training person varies.

    The linear discriminant of Fisher (1936), on 200 principal components.
    """
    x, xt = pixels(train), pixels(test)
    middle = x.mean(axis=0)
    values, vectors = _spectrum(x - middle)
    axes = vectors[:, np.argsort(values)[-200:]]
    z, zt = (x - middle) @ axes, (xt - middle) @ axes
    means = z.reshape(-1, train.sessions, z.shape[1]).mean(axis=1)
    within = z - np.repeat(means, train.sessions, axis=0)
    spread, turn = np.linalg.eigh(within.T @ within / len(z))
    return np.asarray(zt @ (turn / np.sqrt(spread + 0.1 * spread.mean())))


def better(name: str, one: float, other: float) -> bool:
    """Whether ``one`` is the better figure of the label ``name``."""
    return one > other if LABELS[name] else one < other
