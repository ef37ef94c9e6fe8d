"""Labelled and unlabelled tiles: where they lie, how they pair, how they are split and augmented."""
