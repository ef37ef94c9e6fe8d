"""The dossier of a channel: what excites it, how it responds, whether it is needed, over many tiles."""

from unet.explain.dossier.file import (
    LARGEST_DOSSIER,
    Basis,
    Channel,
    Curve,
    Dossier,
    DossierError,
    Effect,
    Estimate,
    Nearest,
    Peak,
    RealTiles,
    dossier_path,
    encode_dossier,
    parse_dossier,
    read_dossier,
    site_of,
)
from unet.explain.dossier.making import TileError, count_steps, goes_on, investigate, plan

__all__ = [
    "LARGEST_DOSSIER", "Basis", "Channel", "Curve", "Dossier", "DossierError", "Effect", "Estimate", "Nearest", "Peak",
    "RealTiles", "TileError", "count_steps", "dossier_path", "encode_dossier", "goes_on", "investigate",
    "parse_dossier", "plan", "read_dossier", "site_of",
]  # fmt: skip
