"""What RELIABILITY.md promises; the long forms carry the marker ``reliability``."""
