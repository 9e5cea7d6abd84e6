import dataclasses
import io
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
import torch

from facecurate.backbones import build, to_safetensors
from facecurate.errors import DamagedError, FacecurateError, SettingsError, StoppedError
from facecurate.tasks import (
    CellConfig,
    DatasetInfo,
    Labelled,
    Recipe,
    estimate,
    evaluate,
    finetune_cell,
    make_arm,
    parse_fraction,
    plan,
)

INFO = DatasetInfo(
    id="300w",
    left=(0,),
    right=(1,),
    mirror=tiny.MIRROR,
    tests={"full": ("common", "challenge"), "common": ("common",), "test": ("test",)},
    rendered=True,
)
QUICK = Recipe(steps=4, batch=8, channels=8, looks=2)
SCRATCH = make_arm("scratch", workspace="")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    items = tiny.faces(30)
    for number, split in enumerate(("common", "challenge", "test")):
        items += tiny.faces(6, split=split, first=1000 + 100 * number)
    return str(tiny.write_shards(tmp_path_factory.mktemp("cells"), items))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    notes = {"mean": [0.5] * 3, "std": [0.2] * 3, "input_size": 64}
    path.write_bytes(to_safetensors(build("resnet18-half", seed=9), notes))
    return f"file:{path}"


def config(**changes):
    base = CellConfig(dataset=INFO, arm=SCRATCH, fraction=parse_fraction("20%"), recipe=QUICK)
    return dataclasses.replace(base, **changes)


def test_a_cell_writes_its_result_its_list_and_its_predictions(shards, tmp_path):
    result = finetune_cell(config(), shards, str(tmp_path))
    assert result == json.loads((tmp_path / "results.json").read_text())
    assert (result["labels"], result["of"], result["dataset"]) == (6, 30, "render:300w")
    assert {s: m["n"] for s, m in result["metrics"].items()} == {"full": 12, "common": 6, "test": 6}
    assert [look["step"] for look in result["curve"]] == [2, 4]
    assert result["curve"][-1]["nme"]["full"] == result["metrics"]["full"]["nme"]
    assert len((tmp_path / "subset.txt").read_text().split()) == 6
    with np.load(io.BytesIO((tmp_path / "predictions.npz").read_bytes())) as held:
        assert held["landmarks"].shape == (18, 5, 2)
        test = held["split"] == "test"
        assert held["nme"][test].mean() == pytest.approx(result["metrics"]["test"]["nme"])


def test_the_trivial_row_is_the_mean_shape_of_the_subset(shards, tmp_path):
    from facecurate import metrics
    from facecurate.tasks import landmarks

    result = finetune_cell(config(), shards, str(tmp_path))
    data = landmarks.load(shards, 64)
    few = data.of_keys((tmp_path / "subset.txt").read_text().split())
    test = data.of_splits(("test",))
    shape = few.points.mean(dim=0).double().numpy()
    placed = [m[:, :2] @ shape.T + m[:, 2:] for m in test.to_photo]
    moved = np.stack(placed).transpose(0, 2, 1)
    nmes = metrics.nme(moved, test.truth, metrics.inter_ocular(test.truth, 0, 1))
    assert result["trivial"]["test"]["nme"] == pytest.approx(nmes.mean(), rel=1e-5)


def test_the_same_draw_gives_the_same_bytes_whatever_the_threads(shards, tmp_path):
    before = torch.get_num_threads()
    finetune_cell(config(), shards, str(tmp_path / "a"))
    torch.set_num_threads(2)
    finetune_cell(config(), shards, str(tmp_path / "b"))
    torch.set_num_threads(before)
    for name in ("results.json", "predictions.npz", "subset.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = finetune_cell(config(seed=1), shards, str(tmp_path / "c"))
    assert other["subset"] != json.loads((tmp_path / "a/results.json").read_text())["subset"]


def test_a_finished_cell_is_read_and_another_one_in_its_place_is_refused(shards, tmp_path):
    result = finetune_cell(config(), shards, str(tmp_path))
    again = finetune_cell(config(), shards, str(tmp_path), progress=lambda *a: pytest.fail("ran"))
    assert again == result
    with pytest.raises(SettingsError, match=r"settings\.seed 0, now it is 3: use --redo"):
        finetune_cell(config(seed=3), shards, str(tmp_path))
    assert finetune_cell(config(seed=3), shards, str(tmp_path), redo=True)["seed"] == 3


def test_arms_of_a_draw_share_subset_order_and_head(shards, weights, tmp_path):
    arm = make_arm(weights, workspace="")
    assert arm.arch == "resnet18-half" and arm.name == "file:weights.safetensors"
    results = [
        finetune_cell(config(arm=a), shards, str(tmp_path / a.name[:4])) for a in (SCRATCH, arm)
    ]
    assert results[0]["subset"] == results[1]["subset"]
    assert results[1]["weights_sha256"] == arm.sha256 and results[0]["weights_sha256"] is None
    assert results[0]["metrics"] != results[1]["metrics"]
    assert str(tmp_path) not in (tmp_path / "file/results.json").read_text()


def test_a_linear_cell_leaves_the_backbone_alone_and_scratch_has_no_relative_rate(weights):
    arm = make_arm(weights, workspace="")
    recipe = dataclasses.replace(QUICK, backbone_lr=0.1)
    rates = [
        config(arm=a, adapt=adapt, recipe=recipe).backbone_lr
        for a, adapt in ((SCRATCH, "finetune"), (arm, "finetune"), (arm, "linear"))
    ]
    assert rates == [1.0, 0.1, 0.0]


def test_weights_of_another_shape_are_refused_by_name(shards, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(
        to_safetensors(build("resnet18", seed=0), {}).replace(b"resnet18", b"resnet34")
    )
    arm = make_arm(f"file:{path}", workspace="")
    with pytest.raises(DamagedError, match=r"does not fit resnet34: layer"):
        finetune_cell(config(arm=arm), shards, str(tmp_path / "cell"))


def test_a_dataset_without_training_or_test_faces_says_so(shards, tmp_path):
    for change, says in (
        ({"train": ("nobody",)}, "no training faces"),
        ({"tests": {"x": ("y",)}}, "no test"),
    ):
        info = dataclasses.replace(INFO, **change)
        with pytest.raises(FacecurateError, match=says):
            finetune_cell(config(dataset=info), shards, str(tmp_path))


def planned(shards, weights, out, *, seeds=4, info=INFO, fractions=("20%",)):
    return plan(
        [Labelled(info, shards)],
        [SCRATCH, make_arm(weights, workspace="")],
        [parse_fraction(f) for f in fractions],
        seeds=seeds,
        recipe=dataclasses.replace(QUICK, steps=2),
        out_url=str(out),
        workspace="",
    )


def test_an_evaluation_stopped_between_cells_goes_on_to_the_same_files(shards, weights, tmp_path):
    cells = planned(shards, weights, tmp_path / "a", seeds=2)
    asked = iter((False, True))
    with pytest.raises(StoppedError):
        evaluate(cells, str(tmp_path / "a"), stop=lambda: next(asked))
    assert [cell.done for cell in cells] == [True, True, False, False]
    assert estimate(cells).done == 2
    steps = []
    done = evaluate(
        cells, str(tmp_path / "a"), progress=lambda at, total: steps.append((at, total))
    )
    assert done.trained == 2 and steps[-1] == (4, 4)
    evaluate(planned(shards, weights, tmp_path / "b", seeds=2), str(tmp_path / "b"))
    for name in ("tables.md", "results.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_tables_compare_from_four_draws_on_and_give_intervals_from_five(shards, weights, tmp_path):
    pages = {}
    for seeds in (3, 4, 5):
        cells = planned(shards, weights, tmp_path, seeds=seeds)
        evaluate(cells, str(tmp_path))
        pages[seeds] = (tmp_path / "tables.md").read_text()
    assert "times the NME" not in pages[3]
    assert "too few for an interval" in pages[4]
    assert "4 paired draws" in pages[4] and "5 paired draws (95 %: draws " in pages[5]
    assert "3 draws]" in pages[3] and "±" in pages[5]
    rows = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert len(rows) == 5 * 2 * 3
    assert sum(row["scored"] for row in rows) == 10
    assert all(math.isfinite(row["nme"]) and row["trivial_nme"] > 0 for row in rows)


def test_published_numbers_stand_beside_real_rows_only(shards, weights, tmp_path):
    rendered, real = (dataclasses.replace(INFO, rendered=r) for r in (True, False))
    pages = []
    for name, info in (("r", rendered), ("p", real)):
        cells = planned(shards, weights, tmp_path / name, seeds=1, info=info, fractions=("2%",))
        evaluate(cells, str(tmp_path / name))
        pages.append((tmp_path / name / "tables.md").read_text())
    assert "Rendered faces" in pages[0] and "published" not in pages[0].replace("no published", "")
    assert "13.52" in pages[1] and "Rendered faces" not in pages[1]
    assert "none comparable" in pages[1]


@pytest.fixture
def closed_network(tmp_path, monkeypatch):
    """A proxy that nobody listens to: what is fetched fails at once, and says so."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)


@pytest.mark.usefixtures("closed_network")
def test_torchvision_weights_are_fetched():
    with pytest.raises(FacecurateError, match=r"could not fetch it \(download\.pytorch\.org: "):
        make_arm("torchvision:resnet18", workspace="")


def test_what_is_asked_for_twice_is_one_cell(shards, tmp_path):
    def cells(times, seeds):
        return plan(
            [Labelled(INFO, shards)] * times,
            [SCRATCH] * times,
            [parse_fraction("20%")] * times,
            seeds=seeds,
            recipe=QUICK,
            out_url=str(tmp_path),
            workspace="",
            adapts=["finetune"] * times,
        )

    assert cells(2, [0, 0]) == cells(1, 1) and len(cells(1, 1)) == 1
    assert cells(2, 3) == cells(1, 3) and len(cells(1, 3)) == 3


def test_the_estimate_times_one_thread_and_gives_the_others_back(shards, weights, tmp_path):
    before, seen = torch.get_num_threads(), []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: seen.append(torch.get_num_threads())
    )
    torch.set_num_threads(2)
    try:
        assert estimate(planned(shards, weights, tmp_path, seeds=1)).seconds > 0
        assert set(seen) == {1} and torch.get_num_threads() == 2
    finally:
        hook.remove()
        torch.set_num_threads(before)
