"""Which photos of a search are left alone before anything of them is fetched, and why.

Restricted owners and photos taken down before are the caller's: they need the workspace.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from facecurate.flickr.licenses import LICENSES
from facecurate.flickr.rows import SearchRow

# Tags by which owners keep computers away; FFHQ (Karras et al., 2019) began with no_cv. Compared
# without case and punctuation, because it is not known what Flickr's cleaned tags keep of them.
_WISHES = (
    "no cv", "no computer vision", "no ai", "no ai training", "no gen ai", "no ml",
    "no machine learning", "no face recognition", "no facial recognition", "no tdm",
    "do not train",
)  # fmt: skip
OPT_OUTS = frozenset(wish.replace(" ", "") for wish in _WISHES)
# In texts the same, as whole words that are written together or with one sign between them.
_GAP = r"[\s_\-\u2010-\u2015]?"
_WRITTEN = "|".join(wish.replace(" ", _GAP) for wish in _WISHES)
_OPT_OUT_TEXT = re.compile(rf"(?<![^\W_])(?:{_WRITTEN})(?![^\W_])")

# Words that say that the person is a child, as whole words of a title and as whole tags. Girl, boy,
# son and daughter alone are not here: they mostly speak of grown-ups, and dropping them would
# change what the dataset shows.
_MINORS = """
adolescence adolescent adolescents babies baby babyboy babyboys babyface babygirl babygirls
babyhood babys boyhood child childhood children childrens childs classroom daycare girlhood
grandbabies grandbaby grandchild grandchildren grandkid grandkids highschool infancy infant
infants juvenile juveniles kid kiddie kiddies kiddo kiddos kids kidsportrait kindergarten
kindergartener kindergarteners kindergartner kindergartners littleboy littleboys littlegirl
littlegirls newborn newborns nursery playground playschool preemie preschool preschooler
preschoolers preteen preteens primaryschool school schoolboy schoolboys schoolchild
schoolchildren schoolgirl schoolgirls schoolkid schoolkids schools teen teenage teenager
teenagers teens toddler toddlers tots tween tweens underage youngboy younggirl youngster
youngsters
bebe bebes bébé bébés enfant enfants fillette fillettes garçonnet gamin gamine école
bebé bebés niña niñas niño niños infancia chiquilla chiquillo colegio escuela
bambina bambine bambini bambino fanciulla fanciullo neonata neonato scuola
bebê bebês criança crianças menina meninas menino meninos
jugendliche kinder kleinkind kleinkinder säugling säuglinge schule schulkind schulkinder
jongetje kindje kinderen kleuter kleuters peuter peuters
anak barnen bayi bebek çocuk çocuklar dziecko dzieci niemowlę
дети младенец малыш малышка ребенок ребёнок школа школьник школьница
"""
MINORS = frozenset(_MINORS.split())
PHRASES = frozenset({
    "little girl", "little girls", "little boy", "little boys", "young girl", "young girls",
    "young boy", "young boys", "baby girl", "baby boy", "school girl", "school boy", "high school",
    "under age", "new born", "pre school", "my little one", "petite fille", "petit garçon",
    "kleines mädchen", "kleiner junge",
})  # fmt: skip
# In scripts without spaces between words: anywhere in the text.
UNSPACED = ("子供", "子ども", "こども", "赤ちゃん", "赤ん坊", "小学生", "中学生", "高校生", "幼児",
            "孩子", "儿童", "兒童", "宝宝", "寶寶", "婴儿", "嬰兒", "小朋友", "아기", "어린이",
            "아이들")  # fmt: skip
_AGE = re.compile(
    r"(?<![\w.,])(?:(?P<years>1[0-7]|[1-9])[\s\-]*(?:yo|y/o|years?[\s\-]*old|yrs?[\s\-]*old)"
    r"|\d{1,3}[\s\-]*(?:months?|mos?|weeks?|wks?|days?)[\s\-]*old)(?!\w)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a user may choose; licenses without derivatives and opt-outs are no choice."""

    exclude_minors: bool = True


def refuse(
    row: SearchRow, licenses: frozenset[int], settings: GateSettings | None = None
) -> str | None:
    """Why a photo is left alone (of ``records.REASONS``), or None to fetch it.

    ``licenses``: the ids that are taken, from ``licenses.parse``, less those that Flickr no longer
    lists as we know them. All rights reserved and no derivatives are refused whatever it says.
    """
    settings = settings or GateSettings()
    known = LICENSES.get(row.license_id)
    if known is None or not known.usable or row.license_id not in licenses:
        return "license"
    if not row.public:
        return "not_public"
    if row.media not in (None, "photo") or row.content_type not in (None, 0):
        return "not_a_photo"
    if row.safety_level not in (None, 0):
        return "not_safe"
    if opted_out(row):
        return "no_cv"
    if settings.exclude_minors and speaks_of_minors(row):
        return "minors"
    return None


def opted_out(row: SearchRow) -> bool:
    """Whether the owner asks, by a tag or in the text, that computers do not look at the photo."""
    return any(is_opt_out(tag) for tag in _tags(row)) or any(
        is_opt_out_text(text) for text in (row.title, row.description)
    )


def is_opt_out_text(text: str) -> bool:
    """Whether a title or a description asks that computers do not look."""
    return bool(_OPT_OUT_TEXT.search(_plain(text)))


@lru_cache(1 << 16)  # the same few thousand tags come again and again
def is_opt_out(tag: str) -> bool:
    """Whether a tag, cleaned or as its owner wrote it, asks that computers do not look."""
    return _bare(tag) in OPT_OUTS


def speaks_of_minors(row: SearchRow) -> bool:
    """Whether title or tags say that a child is shown."""
    return _in_text(row.title) or any(_in_tag(tag) for tag in _tags(row))


def _tags(row: SearchRow) -> Iterator[str]:
    """The tags, and each part of the machine tags."""
    yield from row.tags
    for tag in row.machine_tags:
        yield from (tag, tag.split("=")[0], *re.split(r"[:=]", tag))


@lru_cache(1 << 16)
def _in_tag(tag: str) -> bool:
    text = _plain(tag)
    return _bare(text) in MINORS or _in_words(_words(text)) or _anywhere(text)


def _in_text(text: str) -> bool:
    text = _plain(text)
    return _in_words(_words(text)) or _anywhere(text)


def _in_words(words: Iterable[str]) -> bool:
    words = list(words)
    pairs = (" ".join(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1))
    return not MINORS.isdisjoint(words) or not PHRASES.isdisjoint(pairs)


def _anywhere(text: str) -> bool:
    return bool(_AGE.search(text)) or any(word in text for word in UNSPACED)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _plain(text: str) -> str:
    """One form for letters that can be written in several; without marks that are not seen."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c) != "Cf")


def _bare(tag: str) -> str:
    return "".join(_WORD.findall(_plain(tag)))
