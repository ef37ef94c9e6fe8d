"""Bodies that are found block by block, against SciPy on the whole cube."""

import numpy as np
import pytest
from scipy import ndimage

from unet.seismic.bodies import BodyFinder


def find(cube, threshold, smallest, step):
    """The bodies and their labels of the whole cube, found in blocks of so many inlines."""
    blocks = [cube[start : start + step] for start in range(0, len(cube), step)]
    finder = BodyFinder(threshold)
    for block in blocks:
        finder.add(block)
    bodies = finder.bodies(smallest)
    return bodies, np.concatenate([bodies.label(place, block) for place, block in enumerate(blocks)])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step", [1, 3, 4, 13])
def test_blocks_give_what_the_whole_cube_gives(seed, step):
    rng = np.random.default_rng(seed)
    cube = ndimage.gaussian_filter(rng.random((13, 9, 11)), 0.7).astype(np.float32)
    cube[rng.random(cube.shape[:2]) < 0.1] = np.nan
    threshold, smallest = float(np.nanquantile(cube, 0.7)), 3
    bodies, labels = find(cube, threshold, smallest, step)

    whole, count = ndimage.label(np.nan_to_num(cube) > np.float32(threshold))
    sizes, boxes = np.bincount(whole.ravel())[1:], ndimage.find_objects(whole)
    order = sorted(np.flatnonzero(sizes >= smallest), key=lambda label: -sizes[label])
    assert count > len(order) > 3
    np.testing.assert_array_equal(bodies.voxels, sizes[order])
    for number, label in enumerate(order, 1):
        np.testing.assert_array_equal(labels == number, whole == label + 1)
        np.testing.assert_array_equal(bodies.first[number - 1], [side.start for side in boxes[label]])
        np.testing.assert_array_equal(bodies.last[number - 1], [side.stop - 1 for side in boxes[label]])
    assert labels.max() == len(order)


def test_two_arms_that_meet_in_the_last_block_are_one_body():
    cube = np.zeros((6, 5, 1), np.float32)
    cube[:, [0, 4]] = cube[5] = 0.9
    bodies, labels = find(cube, 0.5, 1, 2)
    assert bodies.voxels.tolist() == [15]
    assert set(labels[cube > 0.5]) == {1}


def test_samples_that_touch_by_an_edge_or_a_corner_are_not_joined():
    cube = np.zeros((4, 2, 2), np.float32)
    cube[0, 0, 0] = cube[1, 1, 1] = cube[2, 1, 0] = cube[3, 0, 0] = 0.9  # within blocks of two and across
    assert find(cube, 0.5, 1, 2)[0].voxels.tolist() == [1, 1, 1, 1]


def test_no_salt_no_bodies():
    bodies, labels = find(np.full((3, 2, 2), np.nan, np.float32), 0.5, 1, 2)
    assert bodies.voxels.shape == (0,)
    assert bodies.first.shape == bodies.last.shape == (0, 3)
    assert not labels.any()
