"""Tiny sets of frames to choose from."""

import numpy as np

from facecurate.choose.candidates import Candidates
from facecurate.diversity.structure import Labels, Structure


def structure(subject, sequence, frame):
    subject, sequence = np.asarray(subject, np.int32), np.asarray(sequence, np.int32)
    none = np.full(len(subject), -1, np.int32)
    return Structure(
        subject=subject, session=none, sequence=sequence, split=none,
        frame=np.asarray(frame, np.int64), rate=np.full(len(subject), 20, np.float32),
        subject_names=tuple(f"SN{i:03d}" for i in range(subject.max(initial=-1) + 1)),
        session_names=(), split_names=(),
        sequence_names=tuple(f"v{i:03d}" for i in range(sequence.max(initial=-1) + 1)),
    )  # fmt: skip


def unit(vectors):
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def candidates(counts, *, dimension=4, seed=0, labels=None, **settings):
    """One sequence a person, ``counts`` frames each."""
    who = np.repeat(np.arange(len(counts)), counts)
    frame = np.concatenate([np.arange(n) for n in counts])
    vectors = unit(np.random.default_rng(seed).normal(size=(len(who), dimension)))
    if labels is not None:
        labels = np.asarray(labels, np.float32)
        labels = Labels(tuple(f"AU{i}" for i in range(labels.shape[1])), labels, levels=True)
    return Candidates(
        tuple(f"p{p:03d}-{f:06d}" for p, f in zip(who, frame, strict=True)),
        vectors, structure(who, who, frame), labels=labels, **settings,
    )  # fmt: skip
