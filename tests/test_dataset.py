"""The split of a dataset, and the tiles and batches of an epoch."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from unet.card import Split
from unet.data.batches import batches, epoch_order, epoch_tiles, shrink
from unet.data.dataset import TrainingSet, load_dataset
from unet.data.places import DataError
from unet.data.tiles import Tiles
from unet.synthetic import section, sections


def test_every_tile_is_seen_at_most_once_and_by_one_process():
    for epoch in range(5):
        parts = [epoch_order(103, 0, epoch, 8, world_size=3, rank=rank) for rank in range(3)]
        seen = np.concatenate(parts, axis=None)
        assert len(seen) == len(set(seen)) == 96  # 103 tiles: 4 batches on each of 3 processes, 7 tiles left out
        one = epoch_order(103, 0, epoch, 24, world_size=1, rank=0)
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), one)
    assert not np.array_equal(epoch_order(103, 0, 0, 8, 1, 0), epoch_order(103, 0, 1, 8, 1, 0))
    with pytest.raises(DataError, match="expected tiles for one batch of 8 on 1 processes, got 7; lower --batch-size"):
        epoch_order(7, 0, 0, 8, 1, 0)


def test_a_tile_is_augmented_alike_in_any_batch():
    images, masks = sections(6)
    targets = masks.astype(np.uint8) * 255
    together = list(batches(images, targets, np.array([[0, 1, 2], [3, 4, 5]]), 16, seed=0, epoch=2))
    alone = list(batches(images, targets, np.array([[4]]), 16, seed=0, epoch=2))
    assert torch.equal(together[1][0][1], alone[0][0][0])
    assert together[0][0].shape == together[0][1].shape == (3, 1, 112, 112)


def labelled(count):
    return TrainingSet.labelled(Tiles([str(i) for i in range(count)], *sections(count)))


def pseudo_labelled(count):
    """Tiles with a grey of their own, by which they can be told apart."""
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 101, 101), np.uint8)
    return TrainingSet([f"unlabelled {i}" for i in range(count)], images, images + 100)


def test_the_share_of_synthetic_sections():
    tiles = labelled(90)
    first, later = (epoch_tiles(tiles, None, epoch, 0.1, 0.7, sections_per_epoch=1) for epoch in (0, 1))
    assert len(first.images) == len(first.ids) == 100
    assert np.array_equal(first.images[:90], later.images[:90])
    assert not np.array_equal(first.images[90:], later.images[90:])
    assert later.ids[90] == "synthetic section 10"
    assert np.array_equal(later.images[90], section(10)[0])
    assert len(epoch_tiles(tiles, None, 0, 0, 0, sections_per_epoch=1).ids) == 90
    assert epoch_tiles(None, None, 2, 0, 0, sections_per_epoch=3).ids == [f"synthetic section {i}" for i in (6, 7, 8)]


def test_pseudo_labelled_tiles_come_in_turn_and_keep_their_targets():
    tiles, seen = labelled(4), []
    for epoch in range(7):
        mixed = epoch_tiles(tiles, pseudo_labelled(7), epoch, 0.0, 0.6, sections_per_epoch=1)
        assert len(mixed.ids) == 10  # 4 labelled tiles are 40 % of the epoch, 6 of the 7 others the rest
        assert np.array_equal(mixed.targets[:4], tiles.targets)
        assert np.array_equal(mixed.targets[4:], mixed.images[4:] + 100)
        assert mixed.ids[4:] == [f"unlabelled {grey}" for grey in mixed.images[4:, 0, 0]]
        seen += mixed.images[4:, 0, 0].tolist()
    assert np.bincount(seen).tolist() == [6] * 7  # 7 epochs of 6: every tile as often as every other


def test_no_tile_comes_twice_where_too_few_are_pseudo_labelled():
    for epoch in range(3):
        tiles = epoch_tiles(labelled(6), pseudo_labelled(7), epoch, 0.1, 0.6, sections_per_epoch=1)
        assert len(tiles.ids) == len(set(tiles.ids)) == 6 + 7 + 2  # a whole epoch would have 20, 12 of them unlabelled


def test_shrinking_averages_images_and_targets():
    images = np.array([[[0, 100, 8, 8], [100, 200, 8, 8]]], np.uint8)
    targets = np.array([[[255, 255, 0, 0], [255, 255, 200, 0]]], np.uint8)
    small = shrink(TrainingSet(["a"], images, targets), 0.5)
    assert (small.ids, small.images.tolist(), small.targets.tolist()) == (["a"], [[[100, 8]]], [[[255, 50]]])


@pytest.fixture(autouse=True)
def few_unseen_sections(monkeypatch):
    monkeypatch.setattr("unet.data.dataset.UNSEEN_COUNT", 4)


def test_a_split_is_repeated_and_must_be_there(tgs):
    names, log = tuple(f"{i:02}" for i in range(40)), []
    dataset = load_dataset(tgs, 0.5, 0, Split(train=names[2:9], val=("00.png", "01")), log.append)
    assert (dataset.train.ids, dataset.val.ids) == ([*names[2:9]], ["00", "01"])
    assert log[-1] == "31 tiles that the split does not know are left out"
    table = dict(line.split(",")[:2] for line in (tgs / "sections.csv").read_text().splitlines())
    assert dataset.split.val_sections == {"00": table["00"], "01": table["01"]}
    (tgs / "sections.csv").unlink()  # the split has kept them
    again = load_dataset(tgs, 0.5, 0, replace(dataset.split, val=("00.png", "01"), val_sections={"00.png": "7"}))
    assert again.split.val_sections == {"00": "7"}
    with pytest.raises(DataError, match="expected the tiles of the split to repeat, got all but 1, first gone"):
        load_dataset(tgs, 0.5, 0, Split(train=("gone",), val=names[:2]))
    with pytest.raises(DataError, match="expected one name for each tile in the split to repeat, got two"):
        load_dataset(tgs, 0.5, 0, Split(train=("02.png", "02.jpg"), val=names[:2]))


def test_a_new_split_logs_what_is_doubtful_in_it(tgs):
    log = []
    dataset = load_dataset(tgs, 0.2, 0, log=log.append)
    table = dataset.split.sections
    assert (dataset.split.by, table.lines, table.lines_used, table.tiles_in_one) == ("section", 42, 40, 40)
    assert log[-1].endswith("sections.csv: 40 of its 42 lines name tiles, and 40 of 40 tiles lie in a known section")
    (tgs / "sections.csv").write_text("id,section\nx,1\n")
    with pytest.raises(DataError, match="names of tiles, such as 00, in the column id, got none in 1 lines, such as x"):
        load_dataset(tgs, 0.2, 0)
    (tgs / "sections.csv").unlink()
    dataset = load_dataset(tgs, 0.2, 0, log=log.append)
    assert (dataset.split.by, dataset.split.sections, len(dataset.val.ids)) == ("tile", None, 8)
    assert dataset.notes[-1].startswith("no sections.csv: split by tile")
    assert log[-1] == f"warning: {dataset.notes[-1]}"
    with pytest.raises(DataError, match="expected tiles to train and to validate, got 0 and 40 of 40; give more tiles"):
        load_dataset(tgs, 1, 0)
