"""Single faces with 68 points, spread over the folders that the 300W collection has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facecurate.errors import FacecurateError
from facecurate.synth.labels import FaceLabels
from facecurate.synth.render import Image, render_photo
from facecurate.synth.spec import IDENTITIES, PhotoSpec, random_face

# folder: share of the faces, who is drawn, largest yaw in degrees, file extension
FOLDERS: dict[str, tuple[float, str, float, str]] = {
    "afw": (0.10, "train", 35.0, "jpg"),
    "helen/trainset": (0.30, "train", 30.0, "jpg"),
    "lfpw/trainset": (0.20, "train", 30.0, "png"),
    "helen/testset": (0.10, "test", 30.0, "jpg"),
    "lfpw/testset": (0.06, "test", 30.0, "png"),
    "ibug": (0.08, "test", 45.0, "jpg"),
    "300W/01_Indoor": (0.08, "test", 35.0, "png"),
    "300W/02_Outdoor": (0.08, "test", 35.0, "png"),
}
_REST = "helen/trainset"


class Sample300W(NamedTuple):
    """One picture: (H, W, 3) uint8 and the truth about its face."""

    subset: str
    name: str
    image: Image
    labels: FaceLabels


@dataclass(frozen=True, slots=True)
class Planned300W:
    """A picture that can be made in any process; ``at``: its number within its folder."""

    seed: int
    subset: str
    at: int

    @property
    def name(self) -> str:
        """A file name as the owners' folder has them; ibug's first has its blank."""
        k, extension = self.at, FOLDERS[self.subset][3]
        if self.subset == "ibug":
            odd = ("image_092 _01", "image_092_02")
            stem = odd[k] if k < 2 else f"image_{k + 1:03d}" + ("_1" if k % 2 else "")
        elif self.subset.startswith("lfpw"):
            stem = f"image_{k + 1 + k // 7:04d}"  # the owners' numbers have gaps
        elif self.subset.startswith("300W"):
            stem = f"{self.subset[8:].lower()}_{k + 1:03d}"
        else:
            stem = f"{100_000_007 + 7919 * k}_1"
        return f"{stem}.{extension}"

    def make(self) -> Sample300W:
        """The picture and its truth."""
        rng = np.random.default_rng([0x300, self.seed, list(FOLDERS).index(self.subset), self.at])
        side = int(rng.integers(200, 301))
        size = float(rng.uniform(100, min(200.0, 0.72 * side)))
        slack = (side - size) / 4
        x, y = side / 2 - 0.5 + rng.uniform(-slack, slack, 2)
        cut = self.subset == "ibug" and self.at == 0  # its face reaches over the picture's edge
        _, who, yaw, _ = FOLDERS[self.subset]
        face = random_face(
            rng, IDENTITIES[who], max_yaw=yaw, max_pitch=18.0, size_px=size,
            centre=(0.30 * size if cut else float(x), float(y)),
        )  # fmt: skip
        noise, seed = float(rng.uniform(0.5, 4)), int(rng.integers(2**31))
        image, labels = render_photo(PhotoSpec(side, side, seed, (face,), noise))
        return Sample300W(self.subset, self.name, image, labels[0])


def plan_300w(count: int, seed: int) -> list[Planned300W]:
    """The plan of ``count`` pictures, every folder at least once.

    Raises FacecurateError for fewer pictures than folders.
    """
    if count < len(FOLDERS):
        raise FacecurateError(f"300w has {len(FOLDERS)} folders: ask for at least as many pictures")
    shares = {name: max(1, int(share * count)) for name, (share, *_) in FOLDERS.items()}
    shares[_REST] += count - sum(shares.values())
    return [Planned300W(seed, name, k) for name, number in shares.items() for k in range(number)]


def faces_300w(count: int, seed: int) -> Iterator[Sample300W]:
    """``count`` pictures; nobody is both on a training and on a test picture."""
    for planned in plan_300w(count, seed):
        yield planned.make()
