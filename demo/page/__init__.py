"""The interactive page: the explorer with a few images in one HTML file that needs no server and no network."""

from demo.page.answers import PageImage, PageNetwork, misfit
from demo.page.file import MOST_IMAGES, make_page

__all__ = ["MOST_IMAGES", "PageImage", "PageNetwork", "make_page", "misfit"]
