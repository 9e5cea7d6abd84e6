import json
import os
import signal
import subprocess
import sys
import time

import pytest
import tiny
import torch

from facecurate.errors import FacecurateError, SettingsError, StoppedError, UsageError
from facecurate.loading import FaceShards
from facecurate.pretrain import PRESETS, Augment, PretrainConfig, View, pretrain, run

SAME = ("config.json", "metrics.jsonl", "weights.safetensors")
CONFIG = PretrainConfig(
    views=(View(size=32, count=2, scale=(0.3, 1.0)), View(size=16, count=1, scale=(0.1, 0.3))),
    augment=PRESETS["small"].augment,
    source=32,
    batch_size=6,
    epochs=3,
    hidden=16,
    features=8,
    prototypes=10,
    frozen_steps=2,
    warmup_steps=3,
    queue=6,
    queue_from=1,
    checkpoint_every=3,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain")
    return str(tiny.write_shards(folder, tiny.faces(20, side=40), per_shard=7))


@pytest.fixture(scope="module")
def unbroken(shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    result = pretrain(shards, str(folder), CONFIG)
    assert (result.steps, result.images) == (9, 54)
    return folder


def contents(folder):
    return {name: (folder / name).read_bytes() for name in SAME}


@pytest.mark.parametrize("at", [1, 3, 5, 8])
def test_a_run_stopped_at_any_step_goes_on_to_the_same_bytes(shards, unbroken, tmp_path, at):
    asked = iter(range(1, 99))
    with pytest.raises(StoppedError, match=f"step {at} of 9"):
        pretrain(shards, str(tmp_path), CONFIG, stop=lambda: next(asked) == at)
    result = pretrain(shards, str(tmp_path), CONFIG)
    assert result.resumed_from == at
    assert contents(tmp_path) == contents(unbroken)


def test_a_crash_between_checkpoints_goes_back_to_the_last_one(shards, unbroken, tmp_path):
    def crash(step, steps, row):
        if step == 5:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        pretrain(shards, str(tmp_path), CONFIG, progress=crash)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 5
    assert pretrain(shards, str(tmp_path), CONFIG).resumed_from == 3
    assert contents(tmp_path) == contents(unbroken)


def test_a_killed_process_goes_on_to_the_same_bytes(shards, unbroken, tmp_path):
    code = (
        "import sys, torch; sys.path.insert(0, sys.argv[3]); torch.set_num_threads(1)\n"
        "from test_resume import CONFIG, pretrain\n"
        "import time\n"
        "pretrain(*sys.argv[1:3], CONFIG, progress=lambda *a: time.sleep(0.1))"
    )
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, os.path.dirname(here), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", code, shards, str(tmp_path), here],
        env={**os.environ, "PYTHONPATH": paths},
    )
    while not list(tmp_path.glob("checkpoint-*.pt")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "weights.safetensors").exists()
    assert pretrain(shards, str(tmp_path), CONFIG).resumed_from >= 3
    assert contents(tmp_path) == contents(unbroken)


def test_a_finished_run_is_not_trained_again(shards, unbroken):
    before = contents(unbroken)
    result = pretrain(shards, str(unbroken), CONFIG, progress=lambda *a: pytest.fail("trained"))
    assert (result.steps, result.images) == (9, 54)
    assert contents(unbroken) == before


def copied(unbroken, folder):
    for path in unbroken.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_redo_says_what_it_discarded(shards, unbroken, tmp_path):
    copied(unbroken, tmp_path)
    result = pretrain(shards, str(tmp_path), CONFIG, redo=True)
    assert result.warnings == ("1 finished run of 9 steps discarded by --redo",)
    assert result.resumed_from == 0 and contents(tmp_path) == contents(unbroken)
    (tmp_path / "weights.safetensors").unlink()
    again = pretrain(shards, str(tmp_path), CONFIG, redo=True)
    assert again.warnings == ("1 unfinished run of 9 steps discarded by --redo",)
    assert pretrain(shards, str(tmp_path / "new"), CONFIG.but(steps=1), redo=True).warnings == ()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_redo_on_a_device_that_is_not_here_discards_nothing(shards, unbroken, tmp_path):
    before = copied(unbroken, tmp_path)
    with pytest.raises(FacecurateError, match="no CUDA device here: leave out --device cuda"):
        pretrain(shards, str(tmp_path), CONFIG, device="cuda", redo=True)
    with pytest.raises(UsageError, match="give cpu or cuda"):
        pretrain(shards, str(tmp_path), CONFIG, device="tpu", redo=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finished_run_without_its_checkpoints_still_says_what_it_did(shards, unbroken, tmp_path):
    for name in SAME:
        (tmp_path / name).write_bytes((unbroken / name).read_bytes())
    result = pretrain(shards, str(tmp_path), CONFIG)
    assert (result.steps, result.images, result.epochs) == (9, 54, 3.0)
    assert str(result).startswith("pre-trained 9 steps (3.0 epochs, 54 images): loss ")


def test_workers_and_remote_storage_change_no_byte(shards, unbroken, memory):
    from facecurate import storage

    for name in storage.list(storage.join(shards, "shards")):
        data = storage.read(storage.join(shards, "shards", name))
        storage.write_atomic(f"{memory}/shards/{name}", data)
    pretrain(memory, f"{memory}/runs/one", CONFIG)
    pretrain(shards, f"{memory}/runs/two", CONFIG, workers=1)
    for name, data in contents(unbroken).items():
        assert storage.read(f"{memory}/runs/one/{name}") == data
        assert storage.read(f"{memory}/runs/two/{name}") == data


def test_a_run_keeps_the_blocks_that_it_began_with(tmp_path):
    folder = tiny.write_shards(tmp_path / "x", tiny.faces(40, side=40), per_shard=7)
    bucket, run_url = f"file://{folder}", str(tmp_path / "run")

    def opened(block_bytes):
        block = run.block(run_url)
        return FaceShards(bucket, window=2, block_bytes=block_bytes, block=block)

    assert not run.open_run(run_url, CONFIG, opened(6_000))
    rows = tiny.read_rows(folder / "shards")
    rows[11] = (None,) * 6
    tiny.write_index(folder / "shards", rows)
    later = opened(12_000)  # as if what was taken down had changed the mean size that much
    assert later.windows.block == run.block(run_url) == 4
    assert not run.open_run(run_url, CONFIG, later)
    with pytest.raises(SettingsError, match=r"data\.block 4, now it is 8"):
        run.open_run(run_url, CONFIG, FaceShards(bucket, window=2, block_bytes=12_000))


def test_how_the_samples_of_a_bucket_mix_is_told_before_the_training(shards, tmp_path):
    told = []
    config = CONFIG.but(steps=1)
    pretrain(f"file://{shards}", str(tmp_path / "a"), config, say=told.append)
    pretrain(shards, str(tmp_path / "b"), config, say=told.append)
    assert told == ["order: all 20 samples mixed"]


def test_the_last_two_checkpoints_are_kept(unbroken):
    assert sorted(p.name for p in unbroken.glob("*.pt")) == [
        "checkpoint-00000006.pt",
        "checkpoint-00000009.pt",
    ]


def test_metrics_hold_no_clock_and_one_row_a_step(unbroken):
    rows = [json.loads(line) for line in (unbroken / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert set(rows[0]) == {"step", "epoch", "loss", "entropy", "cosine", "lr", "images"}
    assert rows[-1]["epoch"] == 2


def test_other_settings_name_the_setting_and_both_values(shards, unbroken, tmp_path):
    with pytest.raises(SettingsError, match=r"settings\.epsilon 0\.02, now it is 0\.05: .*--redo"):
        pretrain(shards, str(unbroken), CONFIG.but(epsilon=0.05))
    with pytest.raises(SettingsError, match=r"settings\.augment\.brightness 0\.2, now it is 0\.0"):
        pretrain(shards, str(unbroken), CONFIG.but(augment=Augment()))


def test_other_shards_are_refused_but_a_take_down_is_not(tmp_path):
    folder = tiny.write_shards(tmp_path / "x", tiny.faces(20, side=40), per_shard=7)
    asked = iter(range(99))
    with pytest.raises(StoppedError):
        pretrain(str(folder), str(tmp_path / "run"), CONFIG, stop=lambda: next(asked) == 3)
    card = folder / "shards/dataset.json"
    card.write_text(card.read_text() + " ")
    with pytest.raises(SettingsError, match=r"data\.dataset"):
        pretrain(str(folder), str(tmp_path / "run"), CONFIG)
    rows = tiny.read_rows(folder / "shards")
    rows[11] = (None,) * 6
    tiny.write_index(folder / "shards", rows)
    result = pretrain(str(folder), str(tmp_path / "run"), CONFIG)
    assert result.steps == 9 and result.emptied in (1, 2)


def test_too_few_samples_say_which_batch_would_do(shards, tmp_path):
    with pytest.raises(FacecurateError, match=r"20 samples do not fill a batch of 64.*20 or less"):
        pretrain(shards, str(tmp_path), CONFIG.but(batch_size=64, queue=0))


def test_a_loss_that_is_no_number_stops_the_run_and_leaves_no_weights(shards, tmp_path):
    with pytest.raises(FacecurateError, match="not a number at step"):
        pretrain(shards, str(tmp_path), CONFIG.but(lr=1e38, queue=0))
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.soak
def test_a_run_that_collapses_on_purpose_is_stopped_with_the_remedy(shards, tmp_path):
    views = (View(size=16, count=2, scale=(0.3, 1.0)),)
    collapsing = CONFIG.but(
        epsilon=5.0, steps=400, queue=0, checkpoint_every=400, views=views, source=16
    )
    with pytest.raises(FacecurateError, match=r"collapse at step 20\d.*lower epsilon \(5 -> 2.5\)"):
        pretrain(shards, str(tmp_path), collapsing)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"queue": 10}, r"queue \(10\) must be a multiple of batch_size \(6\): use 12"),
        ({"views": ()}, "two views"),
        ({"epochs": 0, "steps": 0}, "give one of them"),
        ({"arch": "resnet7"}, "no backbone 'resnet7'"),
        ({"method": "dino"}, "no method 'dino'"),
        ({"lr": 0.0}, r"lr \(0.0\) must be greater"),
    ],
)
def test_a_wrong_setting_says_what_to_change(wrong, says):
    with pytest.raises(UsageError, match=says):
        CONFIG.but(**wrong)


def test_the_presets_hold_the_published_values():
    paper, small = PRESETS["paper"], PRESETS["small"]
    assert (paper.lr, paper.lr_end, paper.epsilon, paper.prototypes) == (4.8, 0.0048, 0.05, 3000)
    assert (paper.hidden, paper.features, paper.frozen_steps) == (2048, 128, 313)
    assert [(v.size, v.count) for v in paper.views] == [(224, 2), (96, 6)]
    assert PRESETS["batch256"].queue == 15 * 256 and PRESETS["batch256"].frozen_steps == 5005
    assert (small.arch, small.batch_size, small.epsilon) == ("resnet18-half", 64, 0.02)
    assert paper.augment.std == small.augment.std == (0.228, 0.224, 0.225)
