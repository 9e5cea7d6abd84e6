"""What people write under their photos: words, names, and the odd characters in them."""

from __future__ import annotations

PLAIN = (
    "portrait", "people", "smile", "street", "friends", "wedding", "party", "beach", "summer",
    "winter", "festival", "concert", "travel", "london", "paris", "tokyo", "lagos", "lima",
    "market", "garden", "family", "candid", "studio", "light", "shadow", "city", "night", "morning",
    "dance", "music", "football", "race", "parade", "museum", "school", "conference", "team",
    "work", "coffee", "dinner", "birthday", "holiday", "christmas", "mountain", "river", "train",
    "bridge", "window", "mirror", "hat", "glasses", "beard", "laugh", "look", "eyes", "hands",
    "crowd", "protest", "theatre", "stage", "costume", "carnival", "vintage", "film", "leica",
    "canon", "nikon", "blackandwhite", "colour", "red", "blue", "green", "dog", "cat", "horse",
    "bird", "flower", "snow", "rain",
)  # fmt: skip
UNICODE = ("café", "naïve", "Zürich", "São", "東京", "笑顔", "портрет", "خنده", "smile😀", "Ærø")
MINORS = ("baby", "kid", "kids", "child", "children", "toddler", "boy", "girl", "bebé", "niño")
WORDS = (*PLAIN, *UNICODE, *MINORS)
FIRST_MINOR = len(PLAIN) + len(UNICODE)

PEOPLE = (
    "Ana", "Björn", "Chidi", "Dilnoza", "Élodie", "Fatima", "Goran", "Hana", "Ivo", "Jun",
    "Kofi", "Léa", "Mei", "Nuno", "Olga", "Pablo", "Quynh", "Rashid", "Siân", "Tomás",
)  # fmt: skip
FORMS = ("{}", "{}", "{} {n}", "DSC_{n:04d} {}", "{} & more", "<b>{}</b>", '"{}"', "{} / {n}")
DESCRIPTIONS = (
    "",
    "",
    "Taken with a friend.",
    'See <a href="https://www.example.org/?a=1&amp;b=2" rel="noreferrer nofollow">more</a>',
    "One line\nand another — “quoted”",
    "<i>Explored!</i> Thanks all :-)",
)


def clean(tag: str) -> str:
    """A tag as the search shows it: lower case, nothing but letters and digits."""
    return "".join(c for c in tag.lower() if c.isalnum())


def tokens(text: str) -> list[str]:
    """The words that a text search compares."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()
