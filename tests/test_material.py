import numpy as np
import pytest
import torch

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
    assert not np.array_equal(epoch_order(103, 0, 0, 8, 1, 0), epoch_order(103, 0, 1, 8, 1, 0))
    with pytest.raises(DataError, match="do not fill one batch"):
        epoch_order(7, 0, 0, 8, 1, 0)


def test_a_tile_is_augmented_alike_in_any_batch():
    images, masks = sections(6)
    targets = masks.astype(np.uint8) * 255
    together = list(batches(images, targets, np.array([[0, 1, 2], [3, 4, 5]]), 16, seed=0, epoch=2))
    alone = list(batches(images, targets, np.array([[4]]), 16, seed=0, epoch=2))
    assert torch.equal(together[1][0][1], alone[0][0][0])
    assert together[0][0].shape == together[0][1].shape == (3, 1, 112, 112)


def pool(count, first=0):
    images, masks = sections(count, first)
    return TrainingSet.labelled(Tiles([str(i) for i in range(count)], images, masks))


def test_the_share_of_synthetic_sections():
    tiles = pool(90)
    mixed = epoch_tiles(tiles, None, 0, synthetic_share=0.1, unlabelled_share=0.7, sections_per_epoch=1)
    assert len(mixed.images) == len(mixed.ids) == 100
    later = epoch_tiles(tiles, None, 1, synthetic_share=0.1, unlabelled_share=0.7, sections_per_epoch=1)
    assert np.array_equal(mixed.images[:90], later.images[:90])
    assert not np.array_equal(mixed.images[90:], later.images[90:])
    assert later.ids[90] == "synthetic section 10"
    assert np.array_equal(later.images[90], section(10)[0])
    assert len(epoch_tiles(tiles, None, 0, synthetic_share=0, unlabelled_share=0, sections_per_epoch=1).ids) == 90


def test_the_tiles_a_teacher_labelled_come_in_turn_and_keep_their_targets():
    labelled = pool(4)
    images = np.arange(7, dtype=np.uint8)[:, None, None] * np.ones((1, 101, 101), np.uint8)
    taught = TrainingSet([str(i) for i in range(7)], images, images + 100)
    seen = []
    for epoch in range(7):
        mixed = epoch_tiles(labelled, taught, epoch, 0.0, unlabelled_share=0.6, sections_per_epoch=1)
        assert len(mixed.ids) == 10  # 4 labelled tiles are 40 % of the epoch, 6 of the 7 others the rest
        assert np.array_equal(mixed.targets[:4], labelled.targets)
        assert np.array_equal(mixed.targets[4:], mixed.images[4:] + 100)
        assert mixed.images[4:, 0, 0].tolist() == [int(name) for name in mixed.ids[4:]]
        seen += mixed.images[4:, 0, 0].tolist()
    assert np.bincount(seen).tolist() == [6] * 7  # 7 epochs of 6: every tile as often as every other


def test_no_tile_comes_twice_where_too_few_have_a_teachers_label():
    images = np.arange(7, dtype=np.uint8)[:, None, None] * np.ones((1, 101, 101), np.uint8)
    taught = TrainingSet([f"taught {i}" for i in range(7)], images, images)
    for epoch in range(3):
        tiles = epoch_tiles(pool(6), taught, epoch, 0.1, unlabelled_share=0.6, sections_per_epoch=1)
        assert (
            len(tiles.ids) == len(set(tiles.ids)) == 6 + 7 + 2
        )  # 20 would be whole, 12 of them with a teacher's label


def test_shrinking_averages_tiles_and_targets():
    images = np.array([[[0, 100, 8, 8], [100, 200, 8, 8]]], np.uint8)
    targets = np.array([[[255, 255, 0, 0], [255, 255, 200, 0]]], np.uint8)
    small = shrink(TrainingSet(["a"], images, targets), 0.5)
    assert small.images.tolist() == [[[100, 8]]]
    assert small.targets.tolist() == [[[255, 50]]]
    assert small.ids == ["a"]


def test_a_split_is_repeated_and_must_be_there(tgs):
    names = [f"{i:02}" for i in range(40)]
    dataset = load_dataset(tgs, 0.5, 0, Split(names[2:9], names[:2], "section"))
    assert dataset.train.ids == names[2:9]
    assert dataset.val.ids == names[:2]
    with pytest.raises(DataError, match="1 tiles of the split to repeat are not there, first gone"):
        load_dataset(tgs, 0.5, 0, Split(["gone"], names[:2], "section"))
