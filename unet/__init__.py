"""Salt U-Net: a compact U-Net that finds salt in seismic images.

>>> from unet import Segmenter
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet.segmenter import Segmenter

__all__ = ["Segmenter"]


def __getattr__(name: str) -> Any:
    """Loads ``Segmenter``, and PyTorch with it, on first use: ``python -m unet`` prints before that."""
    if name == "Segmenter":
        from unet.segmenter import Segmenter

        return Segmenter
    raise AttributeError(f"module 'unet' has no attribute {name!r}")
