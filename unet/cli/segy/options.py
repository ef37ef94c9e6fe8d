"""What several commands of ``segy`` share: how a file is read, and how its sections are shown to the network."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from unet.amplitude import CLIP, Limits, limits_asked_for
from unet.cli.options import UsageError
from unet.seismic.limits import volume_limits
from unet.seismic.segy import Endian, OptionError
from unet.seismic.volume import SegyOptions, Volume, VolumeError, open_volume

Byte = Annotated[int | None, arg(metavar="BYTE", help_behavior_hint="")]
Number = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]


@dataclass(frozen=True)
class Reading:
    """The file, and what its user knows better than its headers."""

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """A line or a cube: SEG-Y, an array .npy or a Zarr array; arrays are (samples, traces) or (inlines, crosslines,
    samples)."""
    inline_byte: Byte = None
    """Where the header of a trace holds its inline, four bytes from BYTE on, as 189 (default: recognised, and said)."""
    crossline_byte: Byte = None
    """Where it holds its crossline, as 193."""
    format: Number = None
    """Take the samples for this format code: 1 IBM float, 5 IEEE float, 2, 3 and 8 integers of 32, 16 and 8 bits."""
    endian: Annotated[Endian | None, arg(help_behavior_hint="")] = None
    """Take this byte order."""
    samples: Number = None
    """Take this many samples in a trace."""

    def open(self) -> Volume:
        """The volume.

        Raises:
            UsageError: there is no such file, or it cannot be what the options say.
            VolumeError, SegyError: it cannot be read; one sentence says why.
        """
        if not self.file.exists():
            raise UsageError(f"{self.file}: expected a line or a cube, got nothing there")
        options = SegyOptions(self.inline_byte, self.crossline_byte, self.format, self.endian, self.samples)
        try:
            return open_volume(self.file, options)
        except OptionError as error:
            raise UsageError(error) from None
        except OSError as error:
            raise VolumeError(f"{self.file}: cannot be read ({error.strerror or error})") from None


@dataclass(frozen=True)
class Amplitudes:
    """Which amplitudes are drawn black and white."""

    clip_percentile: Annotated[float | None, arg(metavar="P", help_behavior_hint="")] = None
    """Limits that leave out P per cent of the samples of the whole survey at each end (default: 0.5)."""
    amplitude_limits: Annotated[tuple[float, float] | None, arg(metavar="LOW HIGH", help_behavior_hint="")] = None
    """The limits themselves: the amplitudes drawn black and white."""

    def check(self) -> None:
        """Raises ``UsageError`` for options that do not go together, before anything is read."""
        try:
            asked_for = limits_asked_for(self.amplitude_limits, self.clip_percentile)
        except ValueError as error:
            raise UsageError(error) from None
        if isinstance(asked_for, Limits) and asked_for.black > asked_for.white:
            low, high = asked_for
            raise UsageError(
                f"expected --amplitude-limits LOW below HIGH, got {low:g} {high:g}; --polarity reversed turns it round"
            )

    def limits(self, volume: Volume) -> Limits:
        """The limits for a volume; raises ``VolumeError`` where its amplitudes have none."""
        if self.amplitude_limits is not None:
            return Limits(*self.amplitude_limits)
        try:
            return volume_limits(volume, CLIP if self.clip_percentile is None else self.clip_percentile)
        except ValueError as error:
            raise VolumeError(f"{volume.path.name}: {error}") from None


def check_packages() -> None:
    """Raises ``UsageError`` where the packages of the extra are not installed."""
    missing = [package for package in ("zarr", "scipy", "distributed") if not find_spec(package)]
    if missing:
        raise UsageError(
            f"expected the package{'s' * (len(missing) > 1)} {', '.join(missing)}, got none; "
            "pip install 'salt-unet[seismic]'"
        )


def check_scales(factors: Iterable[float]) -> None:
    """Raises ``UsageError`` for a factor by which no section can be resized."""
    if wrong := [factor for factor in factors if not 0.02 <= factor <= 50]:
        raise UsageError(f"expected scales from 0.02 to 50, got {wrong[0]:g}")
