import hashlib
import io
import itertools
import json
import zipfile

import pytest
import safetensors.torch
import torch

from facecurate import FORMAT, weights
from facecurate.errors import DamagedError, FacecurateError, UsageError

BODY = b"the right bytes"
DIGEST = hashlib.sha256(BODY).hexdigest()
KNOWN = weights.Known(
    "toy", "toy.pth", "https://example.org/toy.pth", DIGEST, len(BODY), "MIT", "dlib works without"
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path


def sent(body):
    """A download that gives ``body`` and remembers what it was asked for."""
    asked = []

    def download(url, target, *, sha256, limit):
        asked.append((url, sha256, limit))
        weights.known.storage.write_atomic(target, body)

    return download, asked


def offline(url, target, *, sha256, limit):
    raise FacecurateError("example.org: no connection")


# -- the grammar -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("scratch", "scratch", ""),
        ("run:swav-1", "run", "swav-1"),
        ("swav-1", "run", "swav-1"),
        ("file:/a/b c.pt", "file", "/a/b c.pt"),
        ("file:s3://bucket/x.pt", "file", "s3://bucket/x.pt"),
        ("torchvision:resnet50", "torchvision", "resnet50"),
        ("timm:vit_tiny", "timm", "vit_tiny"),
        ("published:swav-imagenet", "published", "swav-imagenet"),
        ("dct", "dct", ""),
        ("shape+hog", "shape+hog", ""),
    ],
)
def test_the_grammar(text, kind, name):
    found = weights.parse(text)
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize("text", ["", "hub:x", "run:", "a b", "../x", "run:../x", "x/y", "-x"])
def test_words_outside_the_grammar_are_usage_errors(text):
    with pytest.raises(UsageError, match=r"^no (weights|run) '"):
        weights.parse(text)


# -- known files -----------------------------------------------------------------------------


def test_a_given_file_is_taken_if_its_digest_is_right(tmp_path):
    (tmp_path / "any.name").write_bytes(BODY)
    assert weights.locate(KNOWN, str(tmp_path / "any.name")) == str(tmp_path / "any.name")


def test_a_given_file_of_another_digest_is_refused_with_both(tmp_path):
    (tmp_path / "toy.pth").write_bytes(b"the wrong bytes")
    found = hashlib.sha256(b"the wrong bytes").hexdigest()
    with pytest.raises(FacecurateError, match=f"expected SHA-256 {DIGEST}, found {found}"):
        weights.locate(KNOWN, str(tmp_path / "toy.pth"))


def test_a_given_file_that_is_missing_is_named():
    with pytest.raises(FacecurateError, match="no file of weights at nowhere"):
        weights.locate(KNOWN, "nowhere")


def test_the_folder_is_searched_by_digest_whatever_the_name(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "a.pth").write_bytes(b"the wrong bytes"[: len(BODY)])
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.bin").write_bytes(BODY)
    assert weights.locate(KNOWN) == str(tmp_path / "mine.bin")


def test_a_namesake_in_the_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "toy.pth").write_bytes(b"the wrong bytes")
    download, asked = sent(BODY)
    with pytest.raises(FacecurateError, match="is not toy's file"):
        weights.locate(KNOWN, download=download)
    assert asked == []


def test_a_missing_file_is_fetched_once():
    download, asked = sent(BODY)
    path = weights.locate(KNOWN, download=download)
    assert path == weights.locate(KNOWN, download=download)
    assert asked == [(KNOWN.url, DIGEST, len(BODY))]


def test_a_damaged_file_in_the_cache_is_fetched_again():
    download, asked = sent(BODY)
    path = weights.locate(KNOWN, download=download)
    weights.known.storage.write_atomic(path, b"cut")
    assert weights.locate(KNOWN, download=download) == path
    assert len(asked) == 2


def test_without_a_network_one_line_says_everything():
    with pytest.raises(FacecurateError) as caught:
        weights.locate(KNOWN, download=offline)
    line = str(caught.value)
    assert "\n" not in line
    for word in ("toy.pth", DIGEST, "no connection", KNOWN.url, weights.cache_folder()):
        assert word in line
    assert weights.FOLDER_VARIABLE in line
    assert line.endswith("dlib works without")


def test_a_short_digest_accepts_the_file_or_the_one_packed_in_it(tmp_path):
    short = weights.Known("toy", "toy.zip", "https://example.org/", DIGEST[:9], 10**6, "MIT")
    (tmp_path / "plain").write_bytes(BODY)
    with zipfile.ZipFile(tmp_path / "packed", "w") as archive:
        archive.writestr("toy.pth", BODY)
    for name in ("plain", "packed"):
        assert weights.locate(short, str(tmp_path / name)) == str(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other", "w") as archive:
        archive.writestr("toy.pth", b"other bytes")
    with pytest.raises(FacecurateError, match="expected SHA-256"):
        weights.locate(short, str(tmp_path / "other"))


def test_a_wrong_file_behind_a_short_digest_is_not_kept():
    short = weights.Known("toy", "toy.zip", "https://example.org/", DIGEST[:9], 10**6, "MIT")
    download, _ = sent(b"something else")
    with pytest.raises(FacecurateError, match="the server's file has SHA-256"):
        weights.locate(short, download=download)
    assert weights.known.storage.list(weights.cache_folder()) == []


def test_a_file_may_be_taken_unchecked(tmp_path):
    (tmp_path / "toy.pth").write_bytes(b"the wrong bytes")
    path = str(tmp_path / "toy.pth")
    with pytest.raises(FacecurateError, match="--weights-unchecked takes it all the same"):
        weights.locate(KNOWN, path)
    assert weights.locate(KNOWN, path, unchecked=True) == path


def test_the_whole_digest_is_recorded_at_the_first_download_and_required_from_then_on(tmp_path):
    first, other = _with_equal_start()
    digest = hashlib.sha256(first).hexdigest()
    short = weights.Known("toy", "toy.zip", "https://example.org/", digest[:2], 10**6, "MIT")
    (tmp_path / "other").write_bytes(other)
    assert weights.locate(short, str(tmp_path / "other"))  # nothing recorded yet
    path = weights.locate(short, download=sent(first)[0])
    assert weights.locate(short) == path
    with pytest.raises(FacecurateError, match=f"expected SHA-256 {digest}, found"):
        weights.locate(short, str(tmp_path / "other"))
    weights.known.storage.delete(path)
    with pytest.raises(FacecurateError, match="the server's file has SHA-256"):
        weights.locate(short, download=sent(other)[0])
    assert weights.locate(short, download=sent(first)[0]) == path


def _with_equal_start():
    """Two files whose digests begin with the same two digits."""
    files = (b"file %d" % number for number in itertools.count())
    seen = {}
    for data in files:
        start = hashlib.sha256(data).hexdigest()[:2]
        if start in seen:
            return seen[start], data
        seen[start] = data


def test_a_damaged_record_of_a_digest_says_what_to_delete():
    short = weights.Known("toy", "toy.zip", "https://example.org/", DIGEST[:9], 10**6, "MIT")
    record = weights.known.storage.join(weights.cache_folder(), "toy.zip.sha256")
    weights.known.storage.write_atomic(record, b"nonsense")
    with pytest.raises(FacecurateError, match="delete both files and they are fetched again"):
        weights.locate(short)


def test_the_known_files_have_whole_digests_but_one():
    short = [known.name for known in weights.KNOWN.values() if len(known.sha256) != 64]
    assert short == ["retinaface"]


# -- state dicts -----------------------------------------------------------------------------


def saved(path, held):
    buffer = io.BytesIO()
    torch.save(held, buffer)
    path.write_bytes(buffer.getvalue())
    return str(path)


def test_a_checkpoint_gives_its_tensors_without_the_prefix(tmp_path):
    path = saved(tmp_path / "a.pth", {"module.w": torch.ones(2), "module.b": torch.zeros(1)})
    assert sorted(weights.load_state_dict(path)) == ["b", "w"]


def test_a_state_dict_inside_a_checkpoint_is_found(tmp_path):
    path = saved(tmp_path / "a.pt", {"epoch": 3, "state_dict": {"w": torch.ones(2)}})
    assert weights.load_state_dict(path)["w"].tolist() == [1, 1]


def test_the_longest_prefix_wins_and_the_rest_is_left_out(tmp_path):
    state = {"module.encoder_q.w": torch.ones(1), "module.encoder_k.w": torch.zeros(1)}
    path = saved(tmp_path / "moco.pt", state)
    found = weights.load_state_dict(path, ("module.", "module.base_net.", "module.encoder_q."))
    assert {k: v.item() for k, v in found.items()} == {"w": 1}


def test_a_checkpoint_packed_in_a_zip_is_read(tmp_path):
    inner = saved(tmp_path / "a.pth", {"w": torch.ones(2)})
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(inner, "a.pth")
    assert list(weights.load_state_dict(str(tmp_path / "a.zip"))) == ["w"]


def test_safetensors_are_read(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(safetensors.torch.save({"w": torch.ones(2)}))
    assert list(weights.load_state_dict(str(tmp_path / "a.safetensors"))) == ["w"]


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("body", [b"", b"not weights at all", b"PK\x03\x04" + bytes(40)])
def test_other_bytes_are_damaged_files(tmp_path, name, body):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(DamagedError, match=name):
        weights.load_state_dict(str(tmp_path / name))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_is_never_executed(tmp_path, capsys):
    path = saved(tmp_path / "evil.pt", {"w": Evil()})
    with pytest.raises(DamagedError, match=r"evil\.pt"):
        weights.load_state_dict(path)
    assert capsys.readouterr().out == ""


# -- runs ------------------------------------------------------------------------------------


def finished_run(workspace, name, **notes):
    notes = {"facecurate.format": FORMAT, **notes}
    body = safetensors.torch.save(
        {"conv1.weight": torch.ones(1)}, {key: json.dumps(value) for key, value in notes.items()}
    )
    url = f"{workspace}/runs/{name}/weights.safetensors"
    weights.known.storage.write_atomic(url, body)
    return body


@pytest.mark.parametrize("place", ["memory://weights-test", "local"])
def test_a_run_says_what_its_weights_are(tmp_path, place):
    workspace = str(tmp_path) if place == "local" else place
    look = {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 2], "input_size": 64}
    body = finished_run(workspace, "swav-1", arch="resnet18", **look)
    found = weights.resolve("swav-1", workspace=workspace)
    assert (found.name, found.arch, found.input_size) == ("run:swav-1", "resnet18", 64)
    assert (found.mean, found.std) == ((0.1, 0.2, 0.3), (1, 1, 2))
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert list(found.state) == ["conv1.weight"]


def test_a_missing_run_lists_the_finished_ones(tmp_path):
    with pytest.raises(FacecurateError, match="no run has finished yet"):
        weights.run_weights(str(tmp_path), "a")
    finished_run(str(tmp_path), "b")
    (tmp_path / "runs" / "c").mkdir()
    with pytest.raises(FacecurateError, match=r"finished runs: b$"):
        weights.run_weights(str(tmp_path), "a")


def test_weights_of_a_newer_format_are_not_guessed_at(tmp_path):
    finished_run(str(tmp_path), "a", **{"facecurate.format": FORMAT + 1})
    with pytest.raises(FacecurateError, match="newer facecurate"):
        weights.run_weights(str(tmp_path), "a")


def test_scratch_has_no_weights():
    assert weights.resolve("scratch", workspace="x") is None


def test_a_users_file_may_say_nothing_of_itself(tmp_path):
    path = saved(tmp_path / "mine.pt", {"w": torch.ones(2)})
    found = weights.resolve(f"file:{path}", workspace="x")
    assert (found.name, found.arch, found.input_size) == ("file:mine.pt", "", 224)


@pytest.mark.parametrize("text", ["published:swav-imagenet", "timm:vit_tiny", "dct"])
def test_what_cannot_be_had_says_so(text):
    with pytest.raises(FacecurateError, match=r"give file:PATH|has no parameters"):
        weights.resolve(text, workspace="x")


def test_torchvision_weights_are_checked_by_the_digits_of_their_name():
    download, asked = sent(b"not resnet")
    with pytest.raises(FacecurateError, match="0676ba61"):
        weights.resolve("torchvision:resnet50", workspace="x", download=download)
    assert asked[0][0].endswith("/resnet50-0676ba61.pth")
    with pytest.raises(FacecurateError, match="no ImageNet weights"):
        weights.resolve("torchvision:resnet5000", workspace="x", download=download)


def test_the_offline_line_of_torchvision_names_only_ways_that_exist():
    with pytest.raises(FacecurateError) as told:
        weights.resolve("torchvision:resnet50", workspace="x")
    line = str(told.value)
    assert "it is not here" in line and weights.FOLDER_VARIABLE in line and "--weights" not in line


@pytest.mark.parametrize("text", ["evaluate", "run:evaluate"])
def test_the_folder_of_the_benchmark_is_no_run(text):
    with pytest.raises(UsageError, match="'evaluate' is reserved"):
        weights.parse(text)
    with pytest.raises(UsageError, match="'evaluate' is reserved"):
        weights.names.run_name("evaluate")
    assert weights.names.run_name("evaluate-2") == "evaluate-2"
