"""The commands of ``python -m unet segy``, for seismic lines and cubes."""
