"""Tars of which every byte is ours."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecurate import storage, tars
from facecurate.errors import DamagedError

CONTENT = {"a-1.jpg": b"x" * 700, "a-1.json": b"{}", "b.jpg": b"", "c.jpg": bytes(range(256)) * 6}


def pack(content):
    file = io.BytesIO()
    tar = tars.TarWriter(file)
    places = [tar.add(name, data) for name, data in content.items()]
    tar.close()
    return file.getvalue(), places


@pytest.fixture(params=["local", "memory"])
def url(request, tmp_path, memory):
    url = str(tmp_path / "t.tar") if request.param == "local" else f"{memory}/t.tar"
    storage.write_atomic(url, pack(CONTENT)[0])
    return url


def test_the_same_members_give_the_same_bytes():
    assert pack(CONTENT)[0] == pack(CONTENT)[0]


def test_no_clock_user_or_host_enters_the_bytes():
    with tarfile.open(fileobj=io.BytesIO(pack(CONTENT)[0])) as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert info.isreg() and info.mode == 0o644


def test_the_standard_library_reads_them():
    with tarfile.open(fileobj=io.BytesIO(pack(CONTENT)[0])) as tar:
        assert {i.name: tar.extractfile(i).read() for i in tar} == CONTENT


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves files
def test_stock_webdataset_reads_them(tmp_path):
    import webdataset

    (tmp_path / "s.tar").write_bytes(pack(CONTENT)[0])
    samples = list(webdataset.WebDataset(str(tmp_path / "s.tar"), shardshuffle=False))
    assert [s["__key__"] for s in samples] == ["a-1", "b", "c"]
    assert samples[0]["jpg"] == CONTENT["a-1.jpg"] and samples[0]["json"] == b"{}"


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z0-9-]{1,80}\.jpg", fullmatch=True), st.binary()))
def test_offsets_are_exact(content):
    data, places = pack(content)
    assert [p.name for p in places] == list(content)
    for place in places:
        assert data[place.offset : place.offset + place.size] == content[place.name]


def test_members_are_read_in_order_with_their_places(url):
    places = pack(CONTENT)[1]
    assert list(tars.members(url)) == places
    assert list(tars.read_members(url)) == list(CONTENT.items())
    assert tars.index(url) == {p.name: p for p in places}
    assert storage.read(url, places[3].offset, places[3].size) == CONTENT["c.jpg"]


def test_folders_and_links_are_no_members(tmp_path):
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("f", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            tar.addfile(info)
    assert list(tars.read_members(str(tmp_path / "t.tar"))) == [("f", b"")]


def test_an_archive_without_members_is_whole(tmp_path):
    (tmp_path / "t.tar").write_bytes(pack({})[0])
    assert list(tars.members(str(tmp_path / "t.tar"))) == []


WHOLE, PLACES = pack(CONTENT)
END = PLACES[-1].offset + PLACES[-1].size


@pytest.mark.parametrize("cut", sorted({*range(0, END, 256), END - 1, 512, 1536, 2048}))
def test_an_archive_that_is_cut_short_is_damaged(tmp_path, cut):
    url = str(tmp_path / "t.tar")
    (tmp_path / "t.tar").write_bytes(WHOLE[:cut])
    for read in (tars.members, tars.read_members):
        with pytest.raises(DamagedError, match=r"t\.tar is damaged"):
            list(read(url))


@pytest.mark.parametrize("member", range(4))
def test_a_damaged_header_is_not_the_end(tmp_path, member):
    start = PLACES[member].offset - 512
    (tmp_path / "t.tar").write_bytes(WHOLE[:start] + b"\xff" * 512 + WHOLE[start + 512 :])
    with pytest.raises(DamagedError, match=r"t\.tar is damaged"):
        list(tars.members(str(tmp_path / "t.tar")))


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100, b"\x1f\x8b" + b"\0" * 2000])
def test_what_is_no_tar_is_damaged(tmp_path, data):
    (tmp_path / "t.tar").write_bytes(data)
    with pytest.raises(DamagedError):
        list(tars.members(str(tmp_path / "t.tar")))


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=99),
    st.binary(max_size=2000),
)
def test_the_bytes_are_those_of_the_standard_library(name, data):
    """Also for names that are not plain."""
    file = io.BytesIO()
    ours, theirs = tars.TarWriter(file), io.BytesIO()
    library = tarfile.TarFile(fileobj=theirs, mode="w", format=tarfile.USTAR_FORMAT)
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    try:
        library.addfile(info, io.BytesIO(data))
    except ValueError:  # too long for a header once it is encoded
        return
    library.close()
    ours.add(name, data)
    ours.close()
    assert file.getvalue() == theirs.getvalue()


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_foreign_tars_are_found_where_the_library_finds_them(tmp_path, format):
    path = tmp_path / "f.tar"
    names = ["a.jpg", "b/" + "c" * 90 + ".jpg", "d/" * 60 + "e.jpg", "ü.jpg", "z.json"]
    with tarfile.open(path, "w", format=format) as tar:
        for i, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = 700 * i
            tar.addfile(info, io.BytesIO(bytes(700 * i)))
        tar.addfile(tarfile.TarInfo("folder"), None)
    with tarfile.open(path) as tar:
        expected = [(i.name, i.offset_data, i.size) for i in tar]
    assert [(m.name, m.offset, m.size) for m in tars.members(str(path))] == expected
