"""``python -m unet segy info``: what was read of a line or a cube."""

from dataclasses import dataclass

from unet.cli.console import say
from unet.cli.segy.options import Reading
from unet.seismic.segy import SegyError
from unet.seismic.volume import VolumeError


@dataclass(frozen=True)
class Options(Reading):
    """Say what was read of a seismic line or cube."""


def run(options: Options) -> int:
    """Prints it and returns the exit status: 0, or 1 where the file cannot be read."""
    try:
        volume = options.open()
    except (SegyError, VolumeError) as error:
        say(f"segy info: {error}")
        return 1
    inlines, crosslines, samples = volume.shape
    print(f"{volume.path.name}: {inlines:,} inlines x {crosslines:,} crosslines x {samples:,} samples")
    for note in volume.notes:
        print(note)
    return 0
