"""Explanations of a prediction: ablation, attribution, receptive field, uncertainty, and random weights."""

from unet.explain.ablation import Fill, channel_effects, cut_table, parts, replacements
from unet.explain.attribution import Box, Explanation, explain_pixel, influence_box, smooth_gradient
from unet.explain.control import random_twin
from unet.explain.receptive_field import receptive_field
from unet.explain.uncertainty import uncertainty

__all__ = [
    "Box", "Explanation", "Fill", "channel_effects", "cut_table", "explain_pixel", "influence_box", "parts",
    "random_twin", "receptive_field", "replacements", "smooth_gradient", "uncertainty",
]  # fmt: skip
