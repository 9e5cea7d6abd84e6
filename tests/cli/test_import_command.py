"""``import`` as a person types it: what a SOURCE is taken for, and what wrong words are told."""

import csv
import io
import json
import sys
import tarfile

import h5py
import numpy as np
import pytest
from loopback import picture, reply, serving

from facecurate import videos
from facecurate.cli import run
from facecurate.pool import Pool
from facecurate.records import PHOTO_SCHEMA


@pytest.fixture
def typed(tmp_path, capsys, monkeypatch):
    """Runs a command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run_it(*words):
        code = run([*words, *(["--workers", "0"] if words[0] == "import" else [])])
        return code, *capsys.readouterr()

    return run_it


def sources(folder, server):
    """One source of each kind with two pictures in it, by the dataset's usual name."""
    (folder / "pictures").mkdir()
    for i in range(2):
        (folder / "pictures" / f"{i}.jpg").write_bytes(picture(seed=i))
    with (folder / "list.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(
            [["URL"], *([server.url(f"/p{i}")] for i in (0, 1))]
        )
    (folder / "shards").mkdir()
    for i in range(2):
        with tarfile.open(folder / "shards" / f"{i}.tar", "w") as tar:
            info = tarfile.TarInfo("a.jpg")
            info.size = len(picture(seed=i))
            tar.addfile(info, io.BytesIO(picture(seed=i)))
    with h5py.File(folder / "train.h5", "w") as file:
        stored = file.create_dataset("images", (2,), h5py.vlen_dtype(np.uint8))
        for i in range(2):
            stored[i] = np.frombuffer(picture(seed=i), np.uint8)
    videos.write_avi(
        str(folder / "film.avi"), (np.full((48, 64, 3), 90 * i, np.uint8) for i in (1, 2))
    )
    return {"pictures": "pictures", "list": "list.tsv", "shards": "shards/{0..1}.tar",
            "train": "train.h5", "film": "film.avi"}  # fmt: skip


def test_each_kind_of_source_becomes_a_dataset_that_can_be_looked_at(tmp_path, typed, monkeypatch):
    monkeypatch.setenv("FACECURATE_STATE", str(tmp_path / "state"))
    with serving(p0=reply(picture()), p1=reply(picture(seed=1))) as server:
        monkeypatch.setenv("FACECURATE_LOCAL_HOST", server.host)
        monkeypatch.setenv("FACECURATE_CONTACT", "me@example.org")
        made = sources(tmp_path, server)
        for name, source in made.items():
            code, out, err = typed("import", source, "-q", "--license", "CC0-1.0")
            assert (code, out, err) == (0, f"{name}: 2 photos: 2 kept\n", ""), source
    for name in made:
        assert typed("verify", name, "-q")[0] == 0
        assert "2 photos: 2 kept" in typed("status", name)[1]
        photo = Pool(f"data/{name}/photos").tables(PHOTO_SCHEMA)["photo_id"][1].as_py()
        assert photo in typed("why", photo, "--name", name)[1]
        told = json.loads(typed("status", name, "--json")[1])
        assert told["stages"]["photos"]["photos"]["kept"] == 2
    log = (tmp_path / "data" / "list" / "log.jsonl").read_text()
    assert "me@example.org" not in log and json.loads(log)["counts"]["photos"]["kept"] == 2


@pytest.mark.parametrize(
    "words, code, told",
    [
        (["nothing.csv"], 1, "nothing.csv is not there"),
        (["nothing.h5"], 1, "nothing.h5 is not there"),
        (["nothing.mp4"], 1, "nothing.mp4 is not there"),
        (["nothing-*.tar"], 2, "it matches nothing"),
        (["notes.txt"], 1, "is no source of pictures: give a folder, a list (.csv"),
        (["nothing"], 2, "nothing is no folder, no file and no known dataset: check the path"),
        (["list.csv"], 1, "FACECURATE_CONTACT"),
        (["list.csv", "--contact", "me"], 2, "me is no contact"),
        (["list.csv", "--contact", "me@x.org"], 2, "--url-column NAME"),
        (["empty.csv", "--contact", "me@x.org"], 2, "is empty: its first line must name"),
        (["list.csv", "--contact", "me@x.org", "--column", "sha=x"], 2, "write OURS=THEIRS"),
        (["list.csv", "--contact", "me@x.org", "--max-image-rate", "0"], 2, "must be above 0"),
        (["list.csv", "--fps", "2"], 2, "--fps belongs to videos, and this is a list of addresses"),
        (["in", "--contact", "me@x.org"], 2, "--contact belongs to a list of addresses"),
        (["in", "--fps", "0"], 2, "--fps 0: write frames a second"),
        (["in", "--fps", "1/0"], 2, "--fps 1/0: write frames a second"),
        (["mine"], 2, "to add photos to it: facecurate import FOLDER --name mine"),
        (["v.avi", "--skip-videos"], 2, "--skip-videos belongs to a folder"),
        (["v.avi", "--name", "300w"], 2, "is the name of a known dataset"),
    ],
)
def test_words_that_are_off_get_one_line_that_says_what_to_change(
    tmp_path, typed, monkeypatch, words, code, told
):
    monkeypatch.delenv("FACECURATE_CONTACT", raising=False)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(picture())
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "list.csv").write_text("link\nhttps://x.org/a\n")
    (tmp_path / "v.avi").write_bytes(b"RIFF")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "data" / "mine" / "photos").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "photos" / "00000.json").write_text("{}")
    found, out, err = typed("import", *words)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert told in err


@pytest.mark.parametrize("module, extra", [("av", "video"), ("h5py", "datasets")])
def test_without_an_extra_the_line_says_what_to_install(
    tmp_path, typed, monkeypatch, module, extra
):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "in").mkdir()
    videos.write_avi(str(tmp_path / "in" / "v.avi"), [np.zeros((48, 64, 3), np.uint8)])
    (tmp_path / "a.h5").write_bytes(b"\x89HDF")
    source = "in/v.avi" if module == "av" else "a.h5"
    code, _, err = typed("import", source)
    assert code == 1 and f"pip install 'facecurate[{extra}]'" in err
    if module == "av":
        code, _, err = typed("import", "in")
        assert code == 1 and "1 video in in: pip install" in err and "--skip-videos" in err
        assert typed("import", "in", "--skip-videos")[0] == 0
