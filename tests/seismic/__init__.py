"""Seismic lines and cubes: files, sections, predictions and what is made of them."""
