"""The words and records of a manifest; ``manifest.py`` reads them from ``manifests/*.toml``.

Each vocabulary is closed: a word that is not listed here is an error in the file that has it.
"""

from dataclasses import dataclass
from typing import Literal

from facecurate.errors import FacecurateError
from facecurate.text import printable

Kind = Literal["evaluation", "pretraining", "mixture", "control"]
Source = Literal["real", "rendered"]
Status = Literal[
    "open",
    "available on request",
    "withdrawn by its owners",
    "no longer offered",
    "never published",
    "made of other datasets",
]
Certainty = Literal["verified", "reported", "unsure"]
Task = Literal["recognition", "landmarks", "au", "emotion", "reconstruction", "parsing"]
Label = Literal[
    "box",
    "landmarks",
    "visibility",
    "identity",
    "subject",
    "au-intensity",
    "au-occurrence",
    "expression",
    "valence",
    "arousal",
    "pose",
    "mesh",
    "attributes",
    "parsing",
]
IdentityLabels = Literal["licensed", "not licensed", "none"]
Unit = Literal[
    "image", "face", "frame", "sequence", "subject", "identity", "template", "pair", "address"
]
Layout = Literal[
    "300w", "300w-lp", "aflw2000", "affectnet", "disfa", "ijb-b", "ijb-c", "lfw", "vggface2",
]  # fmt: skip
RenderedLayout = Literal[
    "300w", "300w-lp", "aflw2000", "affectnet", "disfa", "ijb", "lfw", "vggface2",
]  # fmt: skip
Metric = Literal[
    "nme",
    "auc",
    "fr",
    "icc",
    "mse",
    "mae",
    "pcc",
    "f1",
    "rmse",
    "ccc",
    "sagr",
    "accuracy",
    "tar",
    "mean-f1",
]
NormaliserId = Literal["inter-ocular", "inter-pupil", "box", "diag"]

_PLURAL = {"identity": "identities", "address": "addresses"}


@dataclass(frozen=True, slots=True)
class Size:
    """A count of something in the whole dataset; ``str`` is the phrase that pages print."""

    count: int
    unit: Unit
    certainty: Certainty
    precision: Literal["exact", "about", "more than"] = "exact"
    note: str | None = None

    def __str__(self) -> str:
        """For example ``about 3,310,000 images (unsure)``."""
        words = [f"{self.count:,}", _PLURAL.get(self.unit, f"{self.unit}s")]
        words[:0] = [] if self.precision == "exact" else [self.precision]
        return " ".join(words + (["(unsure)"] if self.certainty == "unsure" else []))


@dataclass(frozen=True, slots=True)
class Split:
    """A part that is trained or scored on; ``made_of`` names the splits whose sum it is.

    The role ``folds`` means that ``Manifest.folds`` of this scheme share the subjects out.
    """

    name: str
    role: Literal["train", "validation", "test", "folds"]
    count: int
    unit: Unit
    certainty: Certainty
    made_of: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """The subjects that one fold of a scheme tests (and validates) on; the others train."""

    scheme: str
    name: str
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Points:
    """The landmark set; ``mirror`` names its table of mirrored pairs, ``origin`` is the files'."""

    count: int
    origin: Literal["zero-based", "one-based", "unknown"]
    certainty: Certainty
    mirror: Literal["5", "19", "29", "68", "98", "106"] | None = None


@dataclass(frozen=True, slots=True)
class Normaliser:
    """What a landmark error is divided by.

    Either the distance of the means of two groups of points (0-based indices), or a length of the
    ``annotated`` face rectangle or of the ``tight`` box of the true points: ``box`` = the square
    root of its area, ``diag`` = its diagonal.
    """

    id: NormaliserId
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    box: Literal["annotated", "tight"] | None = None
    default: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ActionUnits:
    """FACS numbers with intensities 0-5 and with occurrences, and the code of a missing label."""

    intensity: tuple[int, ...] = ()
    detection: tuple[int, ...] = ()
    positive_from: int | None = None
    missing: int | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """Frames a second, width and height in pixels."""

    fps: int
    width: int
    height: int
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pictures or people that this dataset shares with another one.

    ``test_splits`` are the splits *of the other dataset* whose test items are known to be in here.
    """

    dataset: str
    of: Literal["pictures", "people"]
    what: str
    certainty: Certainty
    test_splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Archive:
    """A file as its owners hand it out; most have no published digest."""

    name: str
    md5: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """When (``YYYY-MM`` or ``YYYY-MM-DD``, None = not recorded) and who says so."""

    source: str
    certainty: Certainty
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One dataset: terms, how to get it, what lies where, how it is scored, what to beware of.

    ``layout`` names the adapter that reads it and ``rendered_layout`` the layout in which
    ``synth`` writes a stand-in (None: not yet). ``identity_labels`` is ``licensed`` where the
    owners gave identity labels for recognition research: only there a recognition encoder runs.
    """

    id: str
    title: str
    kind: Kind
    source: Source
    status: Status
    terms: str
    terms_certainty: Certainty
    how: str
    labels: tuple[Label, ...]
    identity_labels: IdentityLabels
    traps: tuple[str, ...]
    status_certainty: Certainty = "reported"
    page: str | None = None
    withdrawn: Withdrawn | None = None
    layout: Layout | None = None
    rendered_layout: RenderedLayout | None = None
    tree: str = ""
    archives: tuple[Archive, ...] = ()
    tasks: tuple[Task, ...] = ()
    metrics: tuple[Metric, ...] = ()
    thresholds: tuple[int, ...] = ()  # of AUC and FR, percent of the normaliser
    scored_split: str | None = None
    size: tuple[Size, ...] = ()
    splits: tuple[Split, ...] = ()
    folds: tuple[Fold, ...] = ()
    subjects: tuple[str, ...] = ()
    points: Points | None = None
    normalisers: tuple[Normaliser, ...] = ()
    action_units: ActionUnits | None = None
    video: Video | None = None
    parts: tuple[str, ...] = ()
    parts_may_be_missing: bool = False
    drawn: int | None = None  # photos, drawn by seed from those of the parts
    overlaps: tuple[Overlap, ...] = ()

    def split(self, name: str) -> Split:
        """The split of that name; FacecurateError lists the names there are."""
        for split in self.splits:
            if split.name == name:
                return split
        known = ", ".join(split.name for split in self.splits) or "none"
        raise FacecurateError(f"{self.id} has no split {printable(name)!r}: {known}")
