"""Salt U-Net: a compact U-Net that finds salt in seismic images.

>>> from unet import Segmenter
"""

from unet.segmenter import Segmenter

__all__ = ["Segmenter"]
