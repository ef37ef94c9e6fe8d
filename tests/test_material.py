import numpy as np
import pytest
import torch

from unet.data import DataError, Tiles
from unet.material import batches, epoch_order, epoch_tiles, shrunk
from unet.synthetic import sections


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
    together = list(batches(images, masks, np.array([[0, 1, 2], [3, 4, 5]]), 16, seed=0, epoch=2))
    alone = list(batches(images, masks, np.array([[4]]), 16, seed=0, epoch=2))
    assert torch.equal(together[1][0][1], alone[0][0][0])
    assert together[0][0].shape == together[0][1].shape == (3, 1, 112, 112)


def test_the_share_of_invented_sections():
    images, masks = sections(90)
    tiles = Tiles([str(i) for i in range(90)], images, masks)
    mixed, _ = epoch_tiles(tiles, 0, synthetic_share=0.1, sections_per_epoch=1)
    assert len(mixed) == 100
    later, _ = epoch_tiles(tiles, 1, synthetic_share=0.1, sections_per_epoch=1)
    assert np.array_equal(mixed[:90], later[:90])
    assert not np.array_equal(mixed[90:], later[90:])
    assert len(epoch_tiles(tiles, 0, synthetic_share=0, sections_per_epoch=1)[0]) == 90


def test_shrinking_halves_tiles_and_keeps_salt_where_most_of_it_was():
    images = np.array([[[0, 100, 8, 8], [100, 200, 8, 8]]], np.uint8)
    masks = np.array([[[1, 1, 0, 0], [1, 0, 1, 0]]], bool)
    small_images, small_masks = shrunk(images, masks, 0.5)
    assert small_images.tolist() == [[[100, 8]]]
    assert small_masks.tolist() == [[[True, False]]]
