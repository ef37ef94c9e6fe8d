"""Explanations of a prediction: ablation, attribution, faithfulness, receptive field, uncertainty, random weights."""

from unet.explain.ablation import Fill, channel_effects, cut_table, parts, replacements, without_channels
from unet.explain.attribution import Box, Explanation, explain_pixel, influence_box, smooth_gradient
from unet.explain.control import random_twin
from unet.explain.faithfulness import SHARES, Curves, faithfulness, order_of, random_order
from unet.explain.receptive_field import receptive_field
from unet.explain.uncertainty import uncertainty

__all__ = [
    "SHARES", "Box", "Curves", "Explanation", "Fill", "channel_effects", "cut_table", "explain_pixel", "faithfulness",
    "influence_box", "order_of", "parts", "random_order", "random_twin", "receptive_field", "replacements",
    "smooth_gradient", "uncertainty", "without_channels",
]  # fmt: skip
