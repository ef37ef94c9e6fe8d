"""Two processes train as one: the same tiles, averaged gradients, one writer, a message when one of them is lost."""

import copy
import hashlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from tests.robustness.checks import LONG, ROOT, start
from tests.robustness.training_runs import EPOCHS, RUN, Training, check_one_sentence, check_whole, complete, outcome
from unet import checkpoint
from unet.data import dataset
from unet.data.augment import draw_variants
from unet.data.batches import batches, epoch_order, synthetic_sections
from unet.evaluation import evaluate_network
from unet.image import Padding
from unet.model import UNetConfig
from unet.segmenter import Segmenter
from unet.training import loop
from unet.training.config import TrainingConfig
from unet.training.distillation import CACHE
from unet.training.inputs import new_inputs
from unet.training.launch import launch
from unet.training.losses import segmentation_loss
from unet.training.progress import Reporter

BATCH = 4  # tiles per process
SMALL = UNetConfig(width=2, depth=2)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", ROOT / "train.py"]


def pair(folders, *words, before=None):
    """Two processes of one run, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "TORCHELASTIC_RUN_ID": "0"}
    world = {**address, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    ranks = [{**world, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    return [Training(folders[rank], *words, before=before, environment=ranks[rank]) for rank in (0, 1)]


def observe():
    """Measures gradients, and records what the run in this process sees and learns in ``seen.json``."""
    seen = {"distances": distances(), "rows": [], "weights": []}
    epoch, finish = loop.Run.epoch, loop.Run.finish

    def recorded(tiles, order, *rest):
        seen["rows"].append(order.ravel().tolist())
        seen["tiles"] = len(tiles.ids)
        return batches(tiles, order, *rest)

    def digested(run):
        epoch(run)
        content = b"".join(parameter.detach().numpy().tobytes() for parameter in run.model.parameters())
        seen["weights"].append(hashlib.sha256(content).hexdigest())

    def finished(run):
        Path("seen.json").write_text(json.dumps(seen))
        return finish(run)

    loop.batches, loop.Run.epoch, loop.Run.finish = recorded, digested, finished


def distances():
    """How far the gradient of one batch on two processes is from that on one, as a share of its length, by loss."""
    torch.set_default_dtype(torch.float64)
    config = TrainingConfig(batch_size=BATCH, sections_per_epoch=2 * BATCH, precision="64-true", model=SMALL)
    fabric = launch(config)
    inputs = new_inputs(config, fabric.device, lambda _: None)
    run = loop.Run(inputs, None, fabric, Reporter(Console(), True, config.folder))
    alone, tiles, found = copy.deepcopy(run.model), synthetic_sections(2 * BATCH, 0), []
    padding = Padding.to_multiple(101, 101, config.model.stride)

    def learn(network, size, processes, rank, lovasz):
        network.zero_grad()
        network.eval()  # the statistics of the batch norm are those of each process
        order = epoch_order(len(tiles.ids), 0, 0, size, processes, rank)
        variants = draw_variants(order.shape, 0.5, (101, 101), padding, np.random.default_rng(0), processes, rank)
        x, target = next(batches(tiles, order, variants, padding))
        return segmentation_loss(network(x.double()), target.double(), lovasz)

    for lovasz in (0.0, 0.75):
        fabric.backward(learn(run.network, BATCH, 2, fabric.global_rank, lovasz))
        learn(alone, 2 * BATCH, 1, 0, lovasz).backward()
        both, one = (torch.cat([p.grad.ravel() for p in model.parameters()]) for model in (run.model, alone))
        found.append(float((both - one).norm() / one.norm()))
    torch.set_default_dtype(torch.float32)
    return found


def test_two_processes_compute_see_write_and_find_what_one_does(tmp_path, tgs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "UNSEEN_COUNT", 8)
    tiny = TrainingConfig(data=tgs, epochs=1, batch_size=BATCH, model=SMALL)
    teacher = loop.train(replace(tiny, name="teacher"), Console(quiet=True)).absolute()
    folders = [tmp_path / "rank0", tmp_path / "rank1"]
    words = (f"--data={tgs}", f"--teacher={teacher}", "--name=both", "--epochs=2")
    ended = [process.end() for process in pair(folders, *words, before=observe)]
    assert [status for status, _ in ended] == [0, 0], ended
    first, second = (json.loads((folder / "seen.json").read_text()) for folder in folders)

    assert max(first["distances"]) < 1e-10
    assert first["weights"] == second["weights"]
    assert len(set(first["weights"])) == 2
    tiles, left_out = first["tiles"], set()
    for rows in map(list.__add__, first["rows"], second["rows"]):
        assert len(rows) == len(set(rows)) == tiles - tiles % (2 * BATCH)  # none twice, and as many as fill batches
        left_out.add(frozenset(range(tiles)) - frozenset(rows))
    assert len(left_out) == 2  # other tiles in every epoch

    assert not (folders[1] / "runs").exists()  # the first process alone writes
    run = folders[0] / "runs/both"
    network, card = checkpoint.load(run / "both.safetensors")
    assert card.training["processes"] == 2
    assert card.training["command"].startswith("torchrun --standalone --nproc-per-node=2 train.py ")
    again = evaluate_network(Segmenter(network, card), dataset.load_dataset(tgs, tiny.val_share, tiny.seed))
    assert (again.metrics, again.claim, again.temperature) == (card.metrics, card.claim, card.temperature)
    alone = loop.train(replace(tiny, name="alone", teacher=(teacher,)), Console(quiet=True))
    assert (run / CACHE).read_bytes() == (alone.parent / CACHE).read_bytes()  # half of the pseudo-labels each


@pytest.mark.parametrize(("rank", "again"), [(1, 1), pytest.param(0, 2, marks=LONG), pytest.param(1, 2, marks=LONG)])
def test_a_lost_process_ends_the_run_with_a_message_and_it_goes_on(tmp_path, rank, again):
    run, folders = tmp_path / "runs/a", [tmp_path, tmp_path]
    processes = pair(folders, "--name=a")
    processes[0].wait_for(2, run)
    processes[rank].send(signal.SIGKILL)
    status, printed = processes[1 - rank].end()
    assert status == 1, printed
    check_one_sentence(printed, "error: another process of this run is gone", "--resume")
    check_whole(run)
    assert 2 <= complete(run) < EPOCHS
    if again == 1:
        assert Training(tmp_path, "--name=a", "--resume").end()[0] == 0
        assert len(outcome(run)[1]) == EPOCHS
    else:
        for name in ("a", "whole"):
            ended = [process.end() for process in pair(folders, f"--name={name}", "--resume")]
            assert [status for status, _ in ended] == [0, 0], ended
        assert outcome(run) == outcome(tmp_path / "runs/whole")


@LONG
def test_torchrun_ends_with_its_processes(tmp_path):
    process = start(*TORCHRUN, *RUN, "--name=a", folder=tmp_path)
    while process.poll() is None and complete(tmp_path / "runs/a") < 2:
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    printed = process.communicate(timeout=300)[1]
    assert process.returncode
    lines = [line for line in printed.splitlines() if line.startswith(("error: another process", "interrupted"))]
    assert len(lines) == 1
    assert "--resume" in lines[0]
    check_whole(tmp_path / "runs/a")
