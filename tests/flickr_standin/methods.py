"""The methods of the REST endpoint, as functions from parameters to a tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import rows, sizes, words
from .codes import Refusal
from .licences import BY_ID, LICENCES
from .rows import Shown
from .search import Behaviour, Page, Search
from .timeline import States, alive
from .world import World

Params = Mapping[str, str]
Tree = dict[str, Any]
PAGE = "https://www.flickr.com/photos/"


@dataclass
class Service:
    """A world behind the methods; ``base`` begins the addresses of pictures. One thread a time."""

    world: World
    behaviour: Behaviour = field(default_factory=Behaviour)
    base: str = "https://live.staticflickr.com"

    def __post_init__(self) -> None:
        self.states = States(self.world)
        self.search = Search(self.world, self.states, self.behaviour)

    def call(self, params: Params, clock: float) -> Tree:
        """The reply to a call; raises Refusal."""
        name = params.get("method", "")
        if name not in METHODS:
            raise Refusal(112, f'Method "{name}" not found')
        return {**METHODS[name](self, params, clock), "stat": "ok"}

    def shown(self, places: Any, clock: float) -> Shown:
        """Photos as they are now."""
        modern = self.behaviour.types == "modern"
        places = np.asarray(places, np.int64)
        return Shown(self.world, places, self.states.at(clock), clock, self.base, modern)

    def reply(self, page: Page, extras: str, clock: float) -> Tree:
        """A page of photos as a tree."""
        asked = [name.strip() for name in extras.split(",")]
        legacy = self.behaviour.types == "legacy"
        return {
            "photos": {
                "page": page.page,
                "pages": page.pages,
                "perpage": page.per_page,
                "total": str(page.total) if legacy else page.total,
                "photo": rows.rows(self.shown(page.rows, clock), asked),
            }
        }

    def photo(self, params: Params, clock: float, said: str) -> int:
        """The place of the photo that is asked for; Refusal 1 if nobody may see it."""
        asked = params.get("photo_id", "")
        whole = int(asked) if asked.isdecimal() and len(asked) < 19 else -1
        index = self.world.index(whole)
        if index is None or not alive(self.world, index, clock):
            raise Refusal(1, said.format(asked))
        return index


def _search(service: Service, params: Params, clock: float) -> Tree:
    page = service.search.page(params, clock)
    return service.reply(page, params.get("extras", ""), clock)


def _sizes(service: Service, params: Params, clock: float) -> Tree:
    index = service.photo(params, clock, "Photo not found")
    shown = service.shown([index], clock)
    link = f"{PAGE}{shown.world.nsids[shown.owners[0]]}/{shown.ids[0]}"
    there = [size for size in sizes.SIZES if rows.offered(shown, size)[0]]
    listed = []
    for size in there:
        width, height = rows.pixels(shown, size)[0]
        listed.append(
            {
                "label": size.label,
                "width": width,
                "height": height,
                "source": rows.addresses(shown, size)[0],
                "url": f"{link}/sizes/{size.name}/",
                "media": "photo",
            }
        )
    down = int(bool(there) and there[-1].secret == sizes.ORIGINAL)
    head = {"canblog": 0, "canprint": 0, "candownload": down}
    return {"sizes": {**head, "size": listed}}


def _info(service: Service, params: Params, clock: float) -> Tree:
    index = service.photo(params, clock, 'Photo "{}" not found (invalid ID)')
    shown = service.shown([index], clock)
    extras = ("license", "date_upload", "date_taken", "last_update", "views", "media")
    row = rows.rows(shown, [*extras, "safety_level", "original_format", "description"])[0]
    link = f"{PAGE}{row['owner']}/{row['id']}/"
    kept = ("id", "secret", "server", "farm")
    photo: Tree = {name: row[name] for name in kept}
    photo |= {"dateuploaded": row["dateupload"], "isfavorite": 0, "license": str(row["license"])}
    photo |= {"safety_level": row["safety_level"], "rotation": 0}
    photo |= {name: row[name] for name in ("originalsecret", "originalformat") if name in row}
    return {
        "photo": {
            **photo,
            "views": row["views"],
            "media": row["media"],
            "owner": _owner(service.world, shown.owners[0]),
            "title": {"_content": row["title"]},
            "description": row["description"],
            "visibility": {"ispublic": 1, "isfriend": 0, "isfamily": 0},
            "dates": {
                "posted": row["dateupload"],
                "taken": row["datetaken"],
                "takengranularity": row["datetakengranularity"],
                "takenunknown": row["datetakenunknown"],
                "lastupdate": row["lastupdate"],
            },
            "comments": {"_content": "0"},
            "tags": {"tag": _tags(shown)},
            "urls": {"url": [{"type": "photopage", "_content": link}]},
        }
    }


def _owner(world: World, owner: int) -> Tree:
    return {
        "nsid": world.nsids[owner],
        "username": world.names[owner],
        "realname": "",
        "location": "",
        "iconserver": "0",
        "iconfarm": 0,
        "path_alias": world.aliases[owner],
    }


def _tags(shown: Shown) -> list[Tree]:
    owner = shown.owners[0]
    raw = rows.tag_lists(shown, words.WORDS, str)[0]
    return [
        {
            "id": f"{owner}-{shown.ids[0]}-{number}",
            "author": shown.world.nsids[owner],
            "authorname": shown.world.names[owner],
            "raw": tag,
            "_content": words.clean(tag),
            "machine_tag": 0,
        }
        for number, tag in enumerate(dict.fromkeys(raw))
    ]


def _licences(service: Service, params: Params, clock: float) -> Tree:
    legacy = service.behaviour.types == "legacy"
    listed = [
        {"id": str(number) if legacy else number, "name": name, "url": url}
        for number, name, url in LICENCES
    ]
    return {"licenses": {"license": listed}}


def _history(service: Service, params: Params, clock: float) -> Tree:
    """Changes, or the first licence as the old one of a change to nothing (as recorded)."""
    index = service.photo(params, clock, "Photo not found")
    world, line = service.world, service.world.timeline
    changes = []
    if line.former[index] >= 0:
        pair = (int(line.former[index]), int(world.licence[index]))
        changes.append(_change(int(line.former_until[index]), *pair))
    if line.relicensed[index] <= clock:
        pair = (int(world.licence[index]), int(line.licence[index]))
        changes.append(_change(int(line.relicensed[index]), *pair))
    first = _change(int(world.uploaded[index]), int(world.licence[index]), -1)
    return {"license_history": changes or [first]}


def _change(at: int, old: int, new: int) -> Tree:
    (old_name, old_url), (new_name, new_url) = BY_ID[old], BY_ID.get(new, ("", ""))
    return {
        "date_change": at,
        "old_license": old_name,
        "old_license_url": old_url,
        "new_license": new_name,
        "new_license_url": new_url,
    }


def _person(service: Service, params: Params, clock: float) -> Tree:
    world, nsid = service.world, params.get("user_id", "")
    owner = world.owner_of(nsid)
    if owner is None:
        raise Refusal(1, "User not found")
    if world.owner_gone[owner] <= clock:
        raise Refusal(5)
    photos = int(service.states.at(clock).visible[world.owner == owner].sum())
    return {
        "person": {
            "id": nsid,
            "nsid": nsid,
            "ispro": int(world.owner_pro[owner]),
            "is_deleted": 0,
            "iconserver": "0",
            "iconfarm": 0,
            "path_alias": world.aliases[owner],
            "username": {"_content": world.names[owner]},
            "photosurl": {"_content": f"{PAGE}{world.aliases[owner] or nsid}/"},
            "profileurl": {"_content": f"https://www.flickr.com/people/{nsid}/"},
            "photos": {"count": {"_content": photos}},
        }
    }


def _echo(service: Service, params: Params, clock: float) -> Tree:
    return {name: {"_content": value} for name, value in params.items()}


def _login(service: Service, params: Params, clock: float) -> Tree:
    raise Refusal(99)


METHODS: dict[str, Callable[[Service, Params, float], Tree]] = {
    "flickr.photos.search": _search,
    "flickr.photos.getInfo": _info,
    "flickr.photos.getSizes": _sizes,
    "flickr.photos.licenses.getInfo": _licences,
    "flickr.photos.licenses.getLicenseHistory": _history,
    "flickr.people.getInfo": _person,
    "flickr.test.echo": _echo,
    "flickr.test.login": _login,
    "flickr.test.null": _login,
}
