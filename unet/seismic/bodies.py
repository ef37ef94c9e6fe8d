"""Geobodies: connected salt of a survey that is read a block at a time, with size and extent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from unet.metrics import mask
from unet.seismic.volume import Cube

Labels = NDArray[np.int32]  # (inlines, crosslines, samples): 0 where there is no salt


@dataclass(frozen=True)
class Bodies:
    """The bodies of a survey, numbered from 1 on, the largest first.

    Two samples are of one body where a path from one to the other goes through salt and from face to face of the
    samples: the 6-neighbourhood.

    Attributes:
        threshold: salt is where the probability is above it.
        voxels: (B,) how many samples each body has.
        first, last: (B, 3) of each body the first and the last inline, crossline and sample, as positions from 0 on.
    """

    threshold: float
    voxels: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    _numbers: tuple[NDArray[np.int32], ...]  # of each block: its own label -> number of the body, 0 of one left out

    def label(self, block: int, probability: Cube) -> Labels:
        """The number of the body at every sample of a block, 0 where there is none.

        Args:
            block: its place in the order in which the blocks were added.
            probability: (I, X, S), as it was then.
        """
        labels, _ = _components(probability, self.threshold)
        return self._numbers[block][labels]


class BodyFinder:
    """Finds the bodies of a survey while its blocks of inlines pass by, in their order.

    Each block is labelled on its own.  Labels that touch across the face between two blocks are joined at the end, as
    the connected components of the graph of such contacts, so that memory holds one block and a few numbers a label.

    Args:
        threshold: salt is where the probability is above it; NaN, no data, is no salt.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._counts = [0]  # labels before the first block, after it, after the second, ...
        self._inlines = 0
        self._voxels: list[NDArray[np.int64]] = []
        self._first: list[NDArray[np.int64]] = []
        self._last: list[NDArray[np.int64]] = []
        self._contacts: list[NDArray[np.int64]] = []  # (2, N) labels of all blocks that touch
        self._face: Labels | None = None  # of the block before: the labels of its last inline

    def add(self, probability: Cube) -> None:
        """Takes the next block: (I, X, S), I at least 1, NaN where there are no data."""
        labels, count = _components(probability, self._threshold)
        before = self._counts[-1]
        boxes = [[(side.start, side.stop) for side in box] for box in ndimage.find_objects(labels)]
        extent = np.array(boxes, np.int64).reshape(count, 3, 2)
        extent[:, 0] += self._inlines
        self._first.append(extent[..., 0])
        self._last.append(extent[..., 1] - 1)
        self._voxels.append(np.bincount(labels.ravel(), minlength=count + 1)[1:])
        if self._face is not None:
            touching = (self._face > 0) & (labels[0] > 0)
            ends = self._face[touching] - 1 + self._counts[-2], labels[0][touching] - 1 + before
            self._contacts.append(np.unique(np.stack(ends).astype(np.int64), axis=1))
        self._face = labels[-1].copy()
        self._inlines += len(labels)
        self._counts.append(before + count)

    def bodies(self, smallest: int) -> Bodies:
        """What was found, without the bodies of fewer than ``smallest`` samples."""
        count = self._counts[-1]
        contacts = np.concatenate([np.empty((2, 0), np.int64), *self._contacts], axis=1)
        graph = sparse.coo_array((np.ones(contacts.shape[1], np.bool_), tuple(contacts)), shape=(count, count))
        found, body = sparse.csgraph.connected_components(graph, directed=False) if count else (0, np.empty(0, np.intp))
        voxels = np.zeros(found, np.int64)
        first, last = np.full((found, 3), np.iinfo(np.int64).max), np.zeros((found, 3), np.int64)
        if count:
            np.add.at(voxels, body, np.concatenate(self._voxels))
            np.minimum.at(first, body, np.concatenate(self._first))
            np.maximum.at(last, body, np.concatenate(self._last))
        kept = np.flatnonzero(voxels >= smallest)
        kept = kept[np.argsort(-voxels[kept], kind="stable")]  # of equal ones the body whose first sample comes first
        number = np.zeros(found, np.int32)
        number[kept] = np.arange(1, len(kept) + 1)
        numbers = tuple(
            np.concatenate([np.zeros(1, np.int32), number[body[start:stop]]])
            for start, stop in zip(self._counts, self._counts[1:], strict=False)
        )
        return Bodies(self._threshold, voxels[kept], first[kept], last[kept], numbers)


def _components(probability: Cube, threshold: float) -> tuple[Labels, int]:
    """The connected components of one block, by the 6-neighbourhood, and how many there are."""
    labels, count = ndimage.label(mask(probability, threshold))
    return labels, int(count)
