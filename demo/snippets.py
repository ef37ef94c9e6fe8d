"""How Python opens what the page shows: lines of code for "Copy as Python" in the viewer.

The lines bind ``image`` and, where it is known, ``truth``; those of a section with gaps bind ``missing`` too.  Names of
files are a user's own words: they stand in the code as literals only.
"""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from unet.amplitude import Limits
from unet.data.places import DEFAULT
from unet.segmenter import shipped_weights

if TYPE_CHECKING:
    from demo.surveys import SurveySections


def of_sample(seed: int) -> str:
    """A synthetic section."""
    return f"from unet import synthetic\nimage, truth = synthetic.section({seed})"


def of_tile(name: str) -> str:
    """A labelled survey tile, which Python reads from ``data/tgs-salt``."""
    return (
        "from pathlib import Path\n"
        "from unet.data.places import labelled_place\n"
        "from unet.data.tiles import find_tiles\n"
        f'tiles = find_tiles(labelled_place(Path("{DEFAULT.as_posix()}")))\n'
        f"image = tiles.images[{name!r}].read_image().grey\n"
        f"truth = tiles.masks[{name!r}].read_mask().salt"
    )


def of_file(name: str, limits: Limits | None = None) -> str:
    """A user's image, expected in the working folder.

    Example:
        >>> print(of_file("../line 7.png"))
        from pathlib import Path
        from unet.files.images import read_image
        file = Path('line 7.png')
        image = read_image(file.read_bytes(), file.name).grey
    """
    chosen, imported = "", ""
    if limits is not None:
        chosen = f", limits=Limits({float(limits.black)!r}, {float(limits.white)!r})"
        imported = "from unet.amplitude import Limits\n"
    return (
        f"from pathlib import Path\n{imported}from unet.files.images import read_image\n"
        f"file = Path({_file_name(name)!r})\n"
        f"image = read_image(file.read_bytes(), file.name{chosen}).grey"
    )


def of_mask(name: str) -> str:
    """A user's ground truth, expected in the working folder."""
    return (
        "from pathlib import Path\nfrom unet.files.images import read_mask\n"
        f"file = Path({_file_name(name)!r})\n"
        "truth = read_mask(file.read_bytes(), file.name).salt"
    )


def of_section(name: str, sections: "SurveySections", limits: Limits, shape: tuple[int, int]) -> str:
    """A section of a user's line or cube, expected in the working folder.

    Args:
        name: of the file.
        sections: what was chosen of it.
        limits: the amplitudes that are black and white.
        shape: rows and columns of the section as the network sees it.
    """
    place = sections.place
    read, missing = f"volume.read(slice({place}, {place + 1}))[0].T", "no_data(section)"
    if sections.choice.direction == "crossline":
        read = f"volume.read(slice(None), slice({place}, {place + 1}))[:, 0].T"
    if sections.choice.direction == "time slice":
        read = f"volume.read(slice(None))[..., {place}]"
        missing = f"np.array([no_data(traces.T)[{place}] for traces in volume.read(slice(None))])"
    black, white = sorted(map(float, limits))
    polarity = ', polarity="reversed"' if limits.black > limits.white else ""
    return (
        "from pathlib import Path\nimport numpy as np\n"
        "from unet.amplitude import Limits\nfrom unet.seismic.fill import no_data\n"
        "from unet.seismic.section import SectionSettings, images, resize\n"
        "from unet.seismic.volume import open_volume\n"
        f"volume = open_volume(Path({_file_name(name)!r}))\n"
        f"section = {read}  # {sections.name}\n"
        f"missing = {missing}\n"
        f"settings = SectionSettings(Limits({black!r}, {white!r}){polarity})\n"
        "(image,) = images(section, missing, settings)\n"
        f"image = resize(image, {shape[0]}, {shape[1]})\n"
        f"missing = resize(missing.astype(np.float32), {shape[0]}, {shape[1]}) >= 0.5"
    )


def of_weights(path: Path, root: Path) -> str:
    """An expression for a network: the shipped one, one beside it, or one below ``root``, the working folder.

    Example:
        >>> of_weights(shipped_weights(), Path()), of_weights(Path("/srv/runs/a/best.safetensors"), Path("/srv"))
        ('Segmenter.load()', "Segmenter.load('runs/a/best.safetensors')")
    """
    shipped = shipped_weights()
    if path == shipped:
        return "Segmenter.load()"
    if path.parent == shipped.parent:
        return f"Segmenter.load(shipped_weights().with_name({path.name!r}))"
    # Never where the server keeps its files.
    return f"Segmenter.load({(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)!r})"


def _file_name(name: str) -> str:
    return PurePosixPath(name).name
