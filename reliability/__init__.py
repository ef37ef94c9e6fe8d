"""What the project promises, measured: one module per subject, each `python -m reliability.NAME`."""
