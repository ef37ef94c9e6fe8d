"""The command line, ``python -m unet``: one file a command; importing this package loads nothing."""
