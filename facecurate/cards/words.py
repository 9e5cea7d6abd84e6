"""What every card says of use and removal, in one place."""

INTENDED = """\
For research on representations of faces: pre-training without labels, redundancy, robustness, and
tasks on what is visible in a picture, such as landmarks, pose and action units."""

OUT_OF_SCOPE = """\
Not for recognising or identifying people, not for searching by face, not for watch lists, not for
inferring emotion at work or in education, not for sorting people by protected traits or guessing
their race, sex, age, health, orientation or beliefs, not for generating a real person's likeness.
Labels of expression describe what is visible, not what someone feels."""

REMOVAL = """\
Whoever is in a picture, or made it, may ask for its removal and need not say why: write to whoever
gave you this dataset, with the page address or the photo id. Whoever holds the dataset removes it
with `facecurate takedown`, which takes it out of these tars and keeps it out; publish the new
version in the place of the old one. Models that were trained before have still seen it."""

BIASES = """\
Faces that a detector does not find are missing, and detectors find some people less often than
others. Nobody's traits were guessed or balanced. Photos from the web show who is photographed and
published there."""

PROCESSING = """\
Faces were found or annotated, cropped and encoded as JPEG; copies of one picture and copies of
pictures in evaluation sets were left out where the steps say so. Crops are copied into the tars as
they were cut."""

LICENSES = {  # SPDX id -> what data hubs call it
    "Apache-2.0": "apache-2.0",
    "CC0-1.0": "cc0-1.0",
    "MIT": "mit",
    **{
        f"CC-{terms.upper()}-{version}": f"cc-{terms}-{version}"
        for terms in ("by", "by-sa", "by-nc", "by-nc-sa")
        for version in ("2.0", "2.5", "3.0", "4.0")
    },
}


def hub_licenses(licenses: list[str]) -> list[str]:
    """The words that data hubs have for these SPDX ids: ``other`` and ``unknown`` for the rest."""
    words = ("unknown" if id == "unknown" else LICENSES.get(id, "other") for id in licenses)
    return sorted(set(words))


def size_category(samples: int) -> str:
    """What data hubs call a dataset of that many samples."""
    limits = (("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6))
    more = (("1M<n<10M", 10**7), ("10M<n<100M", 10**8))
    return next((word for word, limit in (*limits, *more) if samples < limit), "100M<n<1B")
