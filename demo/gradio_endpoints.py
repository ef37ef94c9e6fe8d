"""The endpoints for programs; their parameters and docstrings are the documentation that Gradio shows."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo import explorer, export
from demo.cache import find_probability
from demo.detection import detect
from demo.gradio_files import cached
from demo.gradio_inputs import (
    check_threshold,
    choose_limits,
    choose_network,
    choose_section,
    choose_segmenter,
    choose_weights,
    open_image,
    open_with_mask,
    sentences,
)
from demo.page import PageImage, PageNetwork, make_page, misfit
from demo.viewer_requests import MOST_SAMPLES, PixelRequest, RequestError, read_request
from demo.weights import open_weights
from unet import explain, render


@sentences()
def predict(
    picture: str | None,
    threshold: float | None = None,
    weights: str | None = None,
    sample: str | None = None,
    clip_percentile: float | None = None,
    reverse_polarity: bool = False,
    direction: str = "inline",
    number: float | None = None,
    scale_time: float = 1.0,
    scale_trace: float = 1.0,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The mask of one image.

    Args:
        picture: the image, a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM, NPY or SEG-Y file.
        threshold: salt is where the probability lies above it, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.
        sample: which synthetic section to take where there is no image.
        clip_percentile: of an image of amplitudes, how many per cent of the samples at each end become black or white,
            0 to 50 (by default 0.5); an image far below its white is stretched where this is given.
        reverse_polarity: whether black and white change places in such an image.
        direction: of a line or a cube: inline, crossline or time slice.
        number: of the section, as the survey names it, milliseconds of a time slice; by default the middle one.
        scale_time: the factor along time by which the section is resized, one of those that the page lists.
        scale_trace: the same from trace to trace, of a time slice on both sides.

    Returns:
        An image, 255 where there is salt, of the given image's size, and what was found: threshold, salt_share (0 to
        1, of the image without its margin), salt_pixels, highest_probability, and guessed, sentences about what of the
        image was guessed or left out.
    """
    section = choose_section(direction, number, scale_time, scale_trace)
    image = open_image(picture, sample, weights, choose_limits(clip_percentile, reverse_polarity), section)
    key, segmenter = choose_network(weights)
    probability = find_probability(image, segmenter, key)
    detection = detect(probability, check_threshold(threshold, segmenter), margin=image.margin)
    report = {
        "threshold": detection.threshold, "salt_share": detection.share, "salt_pixels": detection.pixels,
        "highest_probability": detection.highest, "guessed": list(image.guessed),
    }  # fmt: skip
    return detection.mask * np.uint8(255), report


@sentences()
def trace(
    picture: str | None,
    site: str = "bottleneck",
    top: int = 0,
    left: int = 0,
    weights: str | None = None,
    sample: str | None = None,
    clip_percentile: float | None = None,
    reverse_polarity: bool = False,
    direction: str = "inline",
    number: float | None = None,
    scale_time: float = 1.0,
    scale_trace: float = 1.0,
) -> tuple[str, dict[str, Any]]:
    """The maps of a place in the network for one image.

    Args:
        picture: the image, a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM, NPY or SEG-Y file.
        site: encoder1, ..., bottleneck, skip1, up1, decoder1, ..., logits.
        top: of an image larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        weights: a label as the page lists them; by default the shipped ones.
        sample: which synthetic section to take where there is no image.
        clip_percentile: of an image of amplitudes, how many per cent of the samples at each end become black or white,
            0 to 50 (by default 0.5); an image far below its white is stretched where this is given.
        reverse_polarity: whether black and white change places in such an image.
        direction: of a line or a cube: inline, crossline or time slice.
        number: of the section, as the survey names it, milliseconds of a time slice; by default the middle one.
        scale_time: the factor along time by which the section is resized, one of those that the page lists.
        scale_trace: the same from trace to trace, of a time slice on both sides.

    Returns:
        An NPY file of (C, h, w) float32 maps at 1/stride of the window's size, and what they are: site, channels,
        height, width, stride, window (top, left, height, width), lowest, highest, mean, and silent, how many
        channels are zero everywhere.
    """
    section = choose_section(direction, number, scale_time, scale_trace)
    image = open_image(picture, sample, weights, choose_limits(clip_percentile, reverse_polarity), section)
    segmenter = choose_segmenter(weights)
    part = explorer.window(image.grey, top, left)
    strides = {known.name: known.stride for known in segmenter.model.sites()}
    maps = segmenter.trace(part).crop(explorer.one_of(site, strides))
    content = io.BytesIO()
    np.save(content, maps, allow_pickle=False)
    channels, height, width = maps.shape
    report = {
        "site": site, "channels": channels, "height": height, "width": width, "stride": strides[site],
        "window": [top, left, *part.shape], "lowest": float(maps.min()), "highest": float(maps.max()),
        "mean": float(maps.mean()), "silent": int(np.count_nonzero(~maps.any(axis=(1, 2)))),
    }  # fmt: skip
    return cached(content.getvalue(), f"{site}.npy"), report


@sentences()
def ablate(
    picture: str | None,
    cuts: list[str],
    fill: str = "zero",
    threshold: float | None = None,
    weights: str | None = None,
    top: int = 0,
    left: int = 0,
    sample: str | None = None,
    clip_percentile: float | None = None,
    reverse_polarity: bool = False,
    direction: str = "inline",
    number: float | None = None,
    scale_time: float = 1.0,
    scale_trace: float = 1.0,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The mask without some of the network's skips, or without the bottleneck.

    The network was trained with all of them: this shows what it relies on, not what one without them would learn.

    Args:
        picture: the image, a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM, NPY or SEG-Y file.
        cuts: any of skip1, skip2, ... and bottleneck.
        fill: what stands in their place: zero, mean (of each channel), or a sample's name, which lends its own.
        threshold: salt is where the probability lies above it, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.
        top: of an image larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        sample: which synthetic section to take where there is no image.
        clip_percentile: of an image of amplitudes, how many per cent of the samples at each end become black or white,
            0 to 50 (by default 0.5); an image far below its white is stretched where this is given.
        reverse_polarity: whether black and white change places in such an image.
        direction: of a line or a cube: inline, crossline or time slice.
        number: of the section, as the survey names it, milliseconds of a time slice; by default the middle one.
        scale_time: the factor along time by which the section is resized, one of those that the page lists.
        scale_trace: the same from trace to trace, of a time slice on both sides.

    Returns:
        An image of the window, 255 where there is salt without those parts, and what changed: cuts, fill, threshold,
        window (top, left, height, width), salt_share and salt_pixels before and after, mean_change and
        largest_change of the probability.
    """
    section = choose_section(direction, number, scale_time, scale_trace)
    image = open_image(picture, sample, weights, choose_limits(clip_percentile, reverse_polarity), section)
    segmenter = choose_segmenter(weights)
    part, threshold = explorer.window(image.grey, top, left), check_threshold(threshold, segmenter)
    names = explorer.known_cuts(cuts or [], segmenter)
    instead = explain.replacements(segmenter, part, explorer.find_fill(fill, part.shape))
    before = segmenter.trace(part).probability
    after = segmenter.trace(part, {name: instead[name] for name in names}).probability
    margin = explorer.window(image.margin, top, left)
    before[margin] = after[margin] = 0
    detections = {"before": detect(before, threshold, margin=margin), "after": detect(after, threshold, margin=margin)}
    change = np.abs(after - before)
    report = {
        "cuts": list(names), "fill": fill, "threshold": threshold, "window": [top, left, *part.shape],
        "salt_share": {when: detection.share for when, detection in detections.items()},
        "salt_pixels": {when: detection.pixels for when, detection in detections.items()},
        "mean_change": float(change.mean(dtype=np.float64)), "largest_change": float(change.max()),
    }  # fmt: skip
    return detections["after"].mask * np.uint8(255), report


@sentences()
def explain_pixel(
    picture: str | None,
    row: int,
    column: int,
    height: int = 1,
    width: int = 1,
    samples: int = MOST_SAMPLES,
    weights: str | None = None,
    top: int = 0,
    left: int = 0,
    sample: str | None = None,
    clip_percentile: float | None = None,
    reverse_polarity: bool = False,
    direction: str = "inline",
    number: float | None = None,
    scale_time: float = 1.0,
    scale_trace: float = 1.0,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Which pixels the probability of a pixel or a box depends on.

    Args:
        picture: the image, a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM, NPY or SEG-Y file.
        row: of the pixel, or the first one of the box, from 0 at the top.
        column: the same, from 0 at the left.
        height: of the box.
        width: of the box.
        samples: how many noisy copies are averaged (SmoothGrad), up to 16; 0 takes the image's own gradient.
        weights: a label as the page lists them; by default the shipped ones.
        top: of an image larger than 128 pixels a side, the first row of the window that is opened.
        left: the same for columns.
        sample: which synthetic section to take where there is no image.
        clip_percentile: of an image of amplitudes, how many per cent of the samples at each end become black or white,
            0 to 50 (by default 0.5); an image far below its white is stretched where this is given.
        reverse_polarity: whether black and white change places in such an image.
        direction: of a line or a cube: inline, crossline or time slice.
        number: of the section, as the survey names it, milliseconds of a time slice; by default the middle one.
        scale_time: the factor along time by which the section is resized, one of those that the page lists.
        scale_trace: the same from trace to trace, of a time slice on both sides.

    Returns:
        An image of the window, from dark blue (no influence) to yellow (the most), and the numbers: sentence; boxes,
        the smallest rectangles (top, left, height, width) around the pixel that hold 50 and 90 % of the influence;
        receptive_field, how many pixels a side could have any at all; logit, probability, samples, window.
    """
    section = choose_section(direction, number, scale_time, scale_trace)
    image = open_image(picture, sample, weights, choose_limits(clip_percentile, reverse_polarity), section)
    segmenter = choose_segmenter(weights)
    part, box = explorer.window(image.grey, top, left), (row, column, height, width)
    request = read_request({"kind": "pixel", "window": [top, left], "box": box, "samples": samples})
    assert isinstance(request, PixelRequest)
    found = explorer.explain_pixel(request, part, segmenter)
    levels = np.rint(found.influence / (found.influence.max() or 1) * 255).astype(np.uint8)
    rows, columns = found.boxes["90"][2:]
    measure = f"mean over {samples} noisy copies" if samples else "input gradient"
    report = {
        "sentence": f"90 % of the influence ({measure}) comes from {rows} x {columns} pixels",
        "boxes": {percent: list(box) for percent, box in found.boxes.items()},
        "receptive_field": explain.receptive_field(segmenter.model.config),
        "logit": found.logit, "probability": found.probability, "samples": samples, "window": [top, left, *part.shape],
    }  # fmt: skip
    return render.SEQUENTIAL[levels], report


@sentences()
def interactive_page(
    picture: str | None,
    mask: str | None = None,
    threshold: float | None = None,
    weights: str | None = None,
    sample: str | None = None,
    clip_percentile: float | None = None,
    reverse_polarity: bool = False,
    direction: str = "inline",
    number: float | None = None,
    scale_time: float = 1.0,
    scale_trace: float = 1.0,
) -> str:
    """The explorer with one image in one HTML file, which needs no server and no network.

    Args:
        picture: the image, a PNG, JPEG, TIFF, BMP, GIF, WebP, PNM, NPY or SEG-Y file.
        mask: its ground truth, of its size; every value but 0 is salt.
        threshold: where the page starts, 0 to 1; by default the card's.
        weights: a label as the page lists them; by default the shipped ones.
        sample: which synthetic section to take where there is no image.
        clip_percentile: of an image of amplitudes, how many per cent of the samples at each end become black or white,
            0 to 50 (by default 0.5); an image far below its white is stretched where this is given.
        reverse_polarity: whether black and white change places in such an image.
        direction: of a line or a cube: inline, crossline or time slice.
        number: of the section, as the survey names it, milliseconds of a time slice; by default the middle one.
        scale_time: the factor along time by which the section is resized, one of those that the page lists.
        scale_trace: the same from trace to trace, of a time slice on both sides.

    Returns:
        The HTML file, of at most 3 MB.
    """
    section = choose_section(direction, number, scale_time, scale_trace)
    chosen = choose_weights(weights)
    limits = choose_limits(clip_percentile, reverse_polarity)
    image, fault = open_with_mask(picture, mask, sample, weights, limits, section)
    if mask is not None and fault:
        raise RequestError(fault)
    if fault := misfit(image.name, image.grey.size):
        raise RequestError(fault)
    network = PageNetwork(chosen, *open_weights(chosen))
    found = check_threshold(threshold, network.segmenter)
    content = make_page([PageImage(image.name, image)], network, found)
    return cached(content, f"{export.file_stems([image.name])[0]}-explorer.html")
