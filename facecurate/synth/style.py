"""How a picture is made: the laws of light, lens, film and room that all its faces share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """One way of making pictures; every number is 0 where nothing is done.

    ``wrap``: how far a soft light reaches round the edge, cosine; ``bleed``: how much further its
    red does, as light that has gone through skin; ``shine``: factor on the surfaces' gloss;
    ``power``: sharpness of highlights (Phong's exponent); ``grain``: of the surfaces, standard
    deviation of a factor; ``contrast``, ``saturation``, ``fade``: of the tone curve, see
    :func:`facecurate.synth.develop.develop`; ``cast``: what the shadows' tone adds to red, green
    and blue, grey levels; ``vignette``: light lost in the picture's corners, 0..1; ``film``:
    whether noise grows with light and has the size of grains instead of pixels; ``background``: a
    key of :data:`facecurate.synth.background.KINDS`.
    """

    wrap: float = 0.25
    bleed: float = 0.0
    shine: float = 1.0
    power: float = 18.0
    grain: float = 0.0
    contrast: float = 0.0
    saturation: float = 1.0
    fade: float = 0.0
    cast: tuple[float, float, float] = (0.0, 0.0, 0.0)
    vignette: float = 0.0
    film: bool = False
    background: str = "plain"


PLAIN = Style()
SECOND = Style(
    wrap=0.4,
    bleed=0.22,
    shine=1.5,
    power=40.0,
    grain=0.04,
    contrast=0.55,
    saturation=0.72,
    fade=0.05,
    cast=(-4.0, 2.0, 9.0),
    vignette=0.35,
    film=True,
    background="second",
)
STYLES: dict[str, Style] = {"plain": PLAIN, "second": SECOND}  # by ``PhotoSpec.style``
