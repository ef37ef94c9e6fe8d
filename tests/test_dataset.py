"""The split of a dataset, and the tiles and batches of an epoch."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from unet.card import Split
from unet.data.augment import draw_variants
from unet.data.batches import Pool, batches, epoch_order, epoch_tiles, synthetic_sections
from unet.data.dataset import TrainingSet, hard_sections, load_dataset, unseen_sections
from unet.data.places import DataError
from unet.data.tiles import Tiles
from unet.image import Padding
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


def labelled(count):
    return TrainingSet.labelled(Tiles([str(i) for i in range(count)], *sections(count)))


def pool(count, share):
    """Tiles with a grey of their own, by which they can be told apart."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None].repeat(1, 101, 101)
    return Pool(TrainingSet([f"unlabelled {i}" for i in range(count)], images, images + 100), share)


def test_the_batches_of_processes_are_those_of_one():
    tiles, padding, generator = labelled(12), Padding.to_multiple(101, 101, 16), np.random.default_rng

    def seen(world_size, rank):
        order = epoch_order(12, 0, 0, 6 // world_size, world_size, rank)
        variants = draw_variants(order.shape, 0.5, (101, 101), padding, generator(3), world_size, rank)
        return [torch.cat(pair, dim=1) for pair in batches(tiles, order, variants, padding)]

    one, parts = seen(1, 0), [seen(2, rank) for rank in range(2)]
    assert [pair.shape for pair in one] == [(6, 2, 112, 112)] * 2
    for step, pair in enumerate(one):
        torch.testing.assert_close(torch.cat([part[step] for part in parts]), pair)


def test_synthetic_sections_are_named_by_their_seed():
    drawn = synthetic_sections(2, 10)
    assert drawn.ids == ["synthetic section 10", "synthetic section 11"]
    assert np.array_equal(drawn.images[1], section(11)[0])
    assert np.array_equal(drawn.targets[1], 255 * section(11)[1])
    assert synthetic_sections(1, 0, 32, 48).images.shape == (1, 32, 48)


def test_the_tiles_of_a_pool_come_in_turn_and_keep_their_targets():
    tiles, seen = labelled(4), []
    for epoch in range(7):
        mixed = epoch_tiles(tiles, [pool(7, 0.6)], epoch)
        assert len(mixed.ids) == 10  # 4 labelled tiles are 40 % of the epoch, 6 of the 7 others the rest
        assert torch.equal(mixed.targets[:4], tiles.targets)
        assert torch.equal(mixed.targets[4:], mixed.images[4:] + 100)
        assert mixed.ids[4:] == [f"unlabelled {grey}" for grey in mixed.images[4:, 0, 0]]
        seen += mixed.images[4:, 0, 0].tolist()
    assert np.bincount(seen).tolist() == [6] * 7  # 7 epochs of 6: every tile as often as every other


def test_no_tile_comes_twice_where_a_pool_is_too_small():
    for epoch in range(3):
        tiles = epoch_tiles(labelled(6), [pool(7, 0.6), Pool(labelled(100), 0.1)], epoch)
        assert (
            len(tiles.ids) == len(set(tiles.ids[6:])) + 6 == 6 + 7 + 2
        )  # a whole epoch would have 20, 12 of the first
    assert epoch_tiles(labelled(6), [], 0).ids == labelled(6).ids


def test_hard_sections_are_the_unseen_ones_disturbed():
    plain, hard = unseen_sections(), hard_sections()
    assert (hard.images.shape, hard.images.dtype, hard.masks.dtype) == ((4, 101, 101), np.uint8, np.bool_)
    assert np.array_equal(hard.images, hard_sections().images)
    assert not np.array_equal(hard.images, plain.images)
    assert 0 < hard.masks.mean() < 1


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
