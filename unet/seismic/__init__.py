"""Seismic lines and cubes: SEG-Y, NumPy and Zarr in, the probability of salt and its top out."""
