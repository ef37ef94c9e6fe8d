"""Labelled and unlabelled tiles: where they lie, how they pair, how they are split, augmented and put into batches."""
