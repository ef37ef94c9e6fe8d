"""Bad input, all of it made by code, through every door that takes it: ``python -m reliability.corpus``.

Every input must end in a right answer, compared with what it should be, or in one clear sentence and an exit status
other than 0.  Where a file carries no checksum, damage to its values cannot be seen, and the image is read as it
stands.  Whatever happens, nothing outside the output folder is touched.
"""

import contextlib
import io
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from reliability.bad_input import (
    EXPECTED,
    GREY,
    SALT,
    THRESHOLD,
    Bomb,
    DataInput,
    ImageInput,
    Scene,
    WeightsInput,
    bombs,
    damaged_images,
    data_inputs,
    data_set,
    encoded,
    flipped,
    images,
    npy,
    scenes,
    small_weights,
    weights_inputs,
    zipped,
)
from unet import metrics
from unet.cli import main as cli
from unet.data.sections import read_sections
from unet.data.tiles import Tiles, load_tiles
from unet.files.declared import FIRST_FRAME, WHOLE_NUMBERS
from unet.files.listing import ImageFile, find_images
from unet.image import DARK, MARGIN, SIGNED, UNKNOWN_COLOURS, Grey
from unet.segmenter import Segmenter

Verdict = Literal["right", "sentence", "stands"]

# What is said of images that are read all the same.
NOTES = (SIGNED, DARK, UNKNOWN_COLOURS, MARGIN, FIRST_FRAME, WHOLE_NUMBERS, "was taken as white", "its low end black")
LONGEST_SENTENCE = 1000  # characters: a path, a name and a reason
REFUSED_MB = 300  # what a bomb that is refused may take beyond an ordinary image: of a data set, the first image
LARGEST_MB = 2500  # what the largest image that is read may take in all


class Broken(Exception):
    """A promise that did not hold; the message says which."""


@dataclass
class Options:
    """Sends bad input of every kind through every door, counts what came of it, and measures memory under bombs."""

    quick: bool = False
    """Leave out the bombs, the archives of 100,000 entries and the inputs that are given to a process of their own."""


@dataclass
class Tally:
    """What came of each door, and every promise that was broken."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def check(self, door: str, name: str, judge: Callable[..., Verdict], *arguments: Any) -> bool:
        """Counts what ``judge(*arguments)`` says of one input; whatever it raises is a broken promise.

        Returns:
            Whether the promise held.
        """
        count = self.counts.setdefault(door, Counter())
        try:
            count[judge(*arguments)] += 1
        except Exception as error:  # the promise is that there is none
            count["broken"] += 1
            reason = str(error) if isinstance(error, Broken) else traceback.format_exc(limit=-3)
            self.broken.append(f"{door}, {name}: {reason}")
            return False
        return True

    def table(self) -> Table:
        """The counts, a row for each door."""
        table = Table(title="Bad input through every door")
        table.add_column("Door")
        columns = ("right", "sentence", "stands", "broken")
        for column in ("Inputs", "Right answer", "One sentence", "As it stands", "Broken promise"):
            table.add_column(column, justify="right")
        for door, count in self.counts.items():
            table.add_row(door, f"{count.total():,}", *(f"{count[column]:,}" for column in columns))
        total = sum(self.counts.values(), Counter())
        table.add_section()
        table.add_row("all", f"{total.total():,}", *(f"{total[column]:,}" for column in columns))
        return table


# --- Images -----------------------------------------------------------------------------------------------


def judge(given: ImageInput, values: Grey | None, sentence: str) -> Verdict:
    """What came of it: an answer, or None and a sentence."""
    if values is None:
        if given.refusal is None and given.grey is not None:
            raise Broken(f"refused, though it can be read: {sentence}")
        check_sentence(sentence, given.name, given.refusal or "")
        return "sentence"
    if given.grey is not None:
        if values.shape != given.grey.shape or np.abs(values - given.grey).max() > given.off + 1e-6:
            raise Broken("read as another image")
        return "right"
    if given.refusal is not None:
        raise Broken("read, though it should have been refused")
    if values.ndim != 2 or values.dtype != np.float32 or values.min() < 0 or values.max() > 1:
        raise Broken("read as something that is no image")
    return "stands"


def check_sentence(sentence: str, *words: str) -> None:
    """Raises ``Broken`` for what is not one line that a reader can use."""
    if not sentence or "\n" in sentence or not sentence.isprintable():
        raise Broken(f"not one printable sentence: {sentence[:300]!r}")
    if len(sentence) > LONGEST_SENTENCE:
        raise Broken(f"a sentence of {len(sentence)} characters: {sentence[:100]}...")
    for word in words:
        if word not in sentence:
            raise Broken(f"{word!r} is not in {sentence!r}")


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    """Raises ``Broken`` where Python would have printed a warning to the user."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    if caught:
        raise Broken(f"a warning: {caught[0].message}")


def read_image(given: ImageInput, image: ImageFile) -> Verdict:
    """Reads an image as the program does."""
    try:
        with no_warnings():
            values = image.read_grey()
    except ValueError as error:
        return judge(given, None, str(error))
    return judge(given, values, "")


def check_images(tally: Tally, folder: Path, inputs: Sequence[ImageInput]) -> None:
    """Every image from its bytes, out of a folder, out of a zip, and as the one image of a data set."""
    before = snapshot(folder)
    with tempfile.TemporaryDirectory() as place:
        for given in inputs:
            tally.check("files.decode", given.name, read_image, given, given.file())
        names = {given.name: given for given in inputs}
        loose, packed = Path(place, "loose"), Path(place, "packed.zip")
        loose.mkdir()
        for given in inputs:
            (loose / given.name).write_bytes(given.content)
        zipped(packed, {given.name: given.content for given in inputs})
        for door, where in (("find_images, folder", loose), ("find_images, zip", packed)):
            found = find_images(where)
            if len(found) != len(inputs):
                tally.broken.append(f"{door}: {len(found)} of {len(inputs)} images found")
            for image in found:
                given = names[re.split("[/:]", image.name)[-1]]
                tally.check(door, given.name, read_image, given, image)
        for given in inputs:
            tally.check("load_tiles, its image", given.name, read_as_tile, given, Path(place, "tiles.zip"))
    if snapshot(folder) != before:
        tally.broken.append("images: something was left outside their folder")


def read_as_tile(given: ImageInput, path: Path) -> Verdict:
    """The image as the one image of a data set, with a mask that fits."""
    shape = (40, 48) if given.grey is None else given.grey.shape
    stem = Path(given.name).stem
    zipped(path, {f"images/{given.name}": given.content, f"masks/{stem}.npy": npy(np.ones(shape, bool))})
    try:
        with no_warnings():
            tiles = load_tiles(path)
    except ValueError as error:
        # Pixels that a flipped bit moved elsewhere no longer fit the mask, which is as clear a sentence.
        return judge(given, None, str(error).replace(f"{stem}: expected a mask", f"{given.name}: expected a mask"))
    if given.grey is None or given.off:
        return judge(given, (tiles.images[0] / 255).astype(np.float32), "")
    if not np.array_equal(tiles.images[0], np.rint(given.grey * 255)):
        raise Broken("read as another tile")
    return "right"


# --- The command line ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What a command left behind: its exit status, its words, and in a process its peak memory."""

    status: int
    out: str
    err: str
    megabytes: float = 0.0


def in_this_process(words: Sequence[str | Path]) -> Said:
    """Runs a command of ``python -m unet`` here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), no_warnings():
        status = cli.main([str(word) for word in words])
    return Said(status, out.getvalue(), err.getvalue())


def in_its_own(words: Sequence[str | Path]) -> Said:
    """Runs a command as a user does, as a process of its own."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "unet", *map(str, words)]
        root = Path(__file__).parents[1]
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, cwd=root)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, highest(process.pid))
            time.sleep(0.02)
        out.seek(0)
        err.seek(0)
        return Said(process.returncode, out.read().decode(), err.read().decode(), peak)


def highest(pid: int) -> float:
    """The most memory that a process has had so far, in MB, as Linux keeps it; 0 where it does not say."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


Run = Callable[[Sequence[str | Path]], Said]


def snapshot(folder: Path, apart_from: Path | None = None) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder: kinds, sizes, times, targets of links, and what is in files."""
    found: dict[str, tuple[Any, ...]] = {}
    for parent, folders, files in os.walk(folder):
        if apart_from is not None:
            folders[:] = [name for name in folders if Path(parent, name) != apart_from]
        for name in (*folders, *files):
            path = Path(parent, name)
            status = path.lstat()
            content: str | None = None
            if stat.S_ISLNK(status.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(status.st_mode) and status.st_size < 1_000_000:
                content = sha256(path.read_bytes()).hexdigest()
            times = () if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns)
            found[str(path)] = (status.st_mode, *times, content)
    return found


@contextlib.contextmanager
def sandbox() -> Iterator[Path]:
    """A folder to work in, and around it files that nobody may touch."""
    with tempfile.TemporaryDirectory() as place:
        surrounding = Path(place).resolve()
        for name in ("bystander.png", "up.png", "absolute.png", "back.png"):
            (surrounding / name).write_bytes(b"nobody may touch this")
        inside = surrounding / "inside"
        inside.mkdir()
        yield inside


def check_predict(
    run: Run,
    weights: Path,
    inputs: Sequence[Path],
    greys: Mapping[str, Grey],
    words: Sequence[str],
    inside: Path,
    status: int | None = None,
) -> Verdict:
    """Runs ``predict`` on inputs in a sandbox, and looks at all it left.

    Args:
        run: in this process, or in its own.
        weights: to predict with.
        inputs: below ``inside``.
        greys: stem -> the image whose mask must be there; no other mask may be.
        words: there must be this many sentences on stderr, and one of them for each of these.
        inside: the folder of a sandbox; masks are written to ``out`` in it.
        status: the exit status; by default 0 without words, and 1 or 2 with them.
    """
    out = inside / "out"
    before = snapshot(inside.parent, apart_from=out)
    said = run(["predict", *inputs, "--out", out, "--weights", weights])
    if snapshot(inside.parent, apart_from=out) != before:
        raise Broken("something outside the output folder was touched")
    lines = said.err.splitlines()
    if lines and re.match(r"[\d,]+ images in ", lines[-1]):
        lines = lines[:-1]
    lines = [line for line in lines if not line.endswith(NOTES)]
    expected = ((1, 2) if words else (0,)) if status is None else (status,)
    if said.status not in expected:
        raise Broken(f"exit status {said.status}, expected {expected}; {said.err[-500:]}")
    if len(lines) != len(words):
        raise Broken(f"{len(words)} sentences expected, got {said.err[-1000:]}")
    for line in lines:
        check_sentence(line)
    for word in words:
        if not any(word in line for line in lines):
            raise Broken(f"{word!r} is not in {said.err[-1000:]}")
    masks = {path.stem: path for path in out.iterdir()} if out.is_dir() else {}
    if masks.keys() != greys.keys():
        raise Broken(f"masks of {sorted(masks.keys() ^ greys.keys())[:5]} are there or missing against expectation")
    segmenter = Segmenter.load(weights)
    for stem, grey in greys.items():
        mask = np.asarray(Image.open(masks[stem]))
        if masks[stem].is_symlink() or mask.shape != grey.shape or not set(np.unique(mask)) <= {0, 255}:
            raise Broken(f"the mask of {stem} is none")
        probability = segmenter.probability(grey)
        sure = np.abs(probability - THRESHOLD) > 1e-4  # the last bits depend on what is computed together
        if not np.array_equal((mask == 255)[sure], (probability > THRESHOLD)[sure]):
            raise Broken(f"the mask of {stem} is another one")
    return "sentence" if words else "right"


def check_predict_images(tally: Tally, door: str, weights: Path, inputs: Sequence[ImageInput], run: Run) -> None:
    """All images in one folder: each one that can be read gets its mask, each other one its sentence."""
    with sandbox() as inside:
        place = inside / "images"
        place.mkdir()
        verdicts: dict[str, Verdict] = {}
        greys, words = {}, []
        for number, given in enumerate(inputs):
            path = place / f"{number:03}-{given.name}"  # no two of one stem
            path.write_bytes(given.content)
            try:  # how right this is, the doors before this one have evaluate_network
                greys[path.stem] = given.file().read_grey()
                verdicts[given.name] = "stands" if given.grey is None else "right"
            except ValueError:
                words.append(f"{path.name}: ")
                verdicts[given.name] = "sentence"
        if tally.check(door, "all in one folder", check_predict, run, weights, [place], greys, words, inside):
            tally.counts[door].update(list(verdicts.values())[1:])  # the folder's own count stands for the first


# --- Archives and folders -----------------------------------------------------------------------------------


def check_scenes(tally: Tally, door: str, weights: Path, chosen: Sequence[Scene], run: Run) -> None:
    """``predict`` on every archive and folder, each in a sandbox of its own."""

    def judge(scene: Scene) -> Verdict:
        with sandbox() as inside:
            return check_predict(run, weights, scene.make(inside), scene.greys, scene.words, inside, scene.status)

    for scene in chosen:
        tally.check(door, scene.name, judge, scene)


def check_damaged_zips(tally: Tally, cuts: int, flips: int) -> None:
    """A zip cut short or with one bit flipped: what is still found is right, or named."""

    def judge(path: Path) -> Verdict:
        verdict: Verdict = "sentence"
        try:
            with no_warnings():
                found = find_images(path)
        except ValueError as error:
            check_sentence(str(error), str(path))
            return verdict
        for image in found:  # a name may be damaged without a trace; the pixels have a checksum
            try:
                with no_warnings():
                    values = image.read_grey()
            except ValueError as error:
                check_sentence(str(error), str(path))
                continue
            if not np.array_equal(values, EXPECTED):
                raise Broken("read as another image")
            verdict = "right"
        return verdict

    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "a.zip")
        whole = zipped(path, {"images/a.png": encoded(GREY), "images/b.npy": npy(GREY)}).read_bytes()
        for cut in np.linspace(0, len(whole) - 1, cuts).astype(int):
            path.write_bytes(whole[:cut])
            tally.check("find_images, damaged zip", f"cut at {cut}", judge, path)
        for bit in np.unique(np.linspace(0, 8 * len(whole) - 1, flips).astype(int)):
            path.write_bytes(flipped(whole, int(bit)))
            tally.check("find_images, damaged zip", f"bit {bit}", judge, path)


# --- Weights ------------------------------------------------------------------------------------------------


def copied(weights: Path, folder: Path) -> Path:
    """Weights and their card in another folder."""
    for file in (weights, weights.with_suffix(".json")):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / weights.name


def check_weights(tally: Tally, weights: Path, inputs: Sequence[WeightsInput]) -> None:
    """Every pair, each made of good ``weights``, through ``Segmenter.load``."""
    right = Segmenter.load(weights).probability(GREY)

    def judge(given: WeightsInput) -> Verdict:
        with sandbox() as inside:
            path = copied(weights, inside)
            given.make(path)
            before = snapshot(inside.parent)
            try:
                with no_warnings():
                    segmenter = Segmenter.load(path)
            except ValueError as error:
                if given.words is None:
                    raise Broken(f"refused, though they are good: {error}") from None
                check_sentence(str(error), given.words)
                if snapshot(inside.parent) != before:
                    raise Broken("a file was touched") from None
                return "sentence"
            if given.words is not None:
                raise Broken("loaded, though they should have been refused")
            np.testing.assert_allclose(segmenter.probability(GREY), right, atol=1e-6)
            return "right"

    for given in inputs:
        tally.check("Segmenter.load", given.name, judge, given)


def check_weights_commands(tally: Tally, door: str, weights: Path, inputs: Sequence[WeightsInput], run: Run) -> None:
    """Every pair through ``predict --weights`` and ``evaluate --weights``."""

    def judge(given: WeightsInput, command: str) -> Verdict:
        with sandbox() as inside:
            path = copied(weights, inside)
            given.make(path)
            data = data_set(inside / "data", {"a.png": encoded(GREY)}, {"a.png": encoded(SALT)})
            out = inside / "out"
            before = snapshot(inside.parent, apart_from=out)
            rest = ["--split", "all"] if command == "evaluate" else ["--out", out]
            said = run([command, data, *rest, "--weights", path])
            if snapshot(inside.parent, apart_from=out) != before:
                raise Broken("something outside the output folder was touched")
            if given.words is None:
                if said.status != 0:
                    raise Broken(f"exit status {said.status}: {said.err[-500:]}")
                return "right"
            check_refusal(said, command, ())
            if out.exists():
                raise Broken("an output folder was made for nothing")
            return "sentence"

    for given in inputs:
        for command in ("predict", "evaluate"):
            tally.check(f"{command} --weights{door}", given.name, judge, given, command)


def check_refusal(said: Said, command: str, words: Sequence[str]) -> None:
    """Raises ``Broken`` unless a command said one sentence, nothing else, and ended with status 2."""
    if said.status != 2 or said.out:
        raise Broken(f"exit status {said.status}, expected 2; {said.out[-200:]} {said.err[-500:]}")
    check_sentence(said.err.removesuffix("\n"), f"{command}: ", *words)


# --- Labelled data ------------------------------------------------------------------------------------------


def check_data(tally: Tally, inputs: Sequence[DataInput]) -> None:
    """Every data set through ``load_tiles`` and ``read_sections``."""

    def judge(given: DataInput) -> Verdict:
        with sandbox() as inside:
            root = given.make(inside)
            before = snapshot(inside.parent)
            try:
                with no_warnings():
                    tiles = load_tiles(root)
                    read_sections(root)
            except ValueError as error:
                if given.masks is not None:
                    raise Broken(f"refused, though it is good: {error}") from None
                check_sentence(str(error), given.words)
                return "sentence"
            finally:
                if snapshot(inside.parent) != before:
                    raise Broken("a file was touched")
            if given.masks is None:
                raise Broken("loaded, though it should have been refused")
            compare(tiles, given.masks)
            return "right"

    for given in inputs:
        tally.check("load_tiles", given.name, judge, given)


def compare(tiles: Tiles, masks: Mapping[str, NDArray[np.bool_]]) -> None:
    """Raises ``Broken`` where tiles are not those they should be."""
    if tiles.ids != sorted(masks) or not all(np.array_equal(image, GREY) for image in tiles.images):
        raise Broken(f"other images, {tiles.ids[:5]}")
    for name, mask in zip(tiles.ids, tiles.masks, strict=True):
        if not np.array_equal(mask, masks[name]):
            raise Broken(f"another mask of {name}")


def check_evaluate(tally: Tally, door: str, weights: Path, inputs: Sequence[DataInput], run: Run) -> None:
    """Every data set through ``evaluate``: the scores of the right images and masks, or one sentence."""
    probability = Segmenter.load(weights).probability(GREY)

    def judge(given: DataInput) -> Verdict:
        with sandbox() as inside:
            root = given.make(inside)
            before = snapshot(inside.parent)
            said = run(["evaluate", root, "--split", "all", "--weights", weights])
            if snapshot(inside.parent) != before:
                raise Broken("a file was touched")
            if given.masks is None:
                check_refusal(said, "evaluate", [given.words])
                return "sentence"
            if said.status != 0 or not all(line.startswith(("read ", "warning: ")) for line in said.err.splitlines()):
                raise Broken(f"exit status {said.status}: {said.err[-500:]}")
            masks = [given.masks[name] for name in sorted(given.masks)]
            scores = metrics.evaluate([probability] * len(masks), masks, THRESHOLD)
            found = re.search(r"IoU per image\D*(\d\.\d{4})\D*(\d+) images", said.out)
            if not found or found.groups() != (f"{scores.iou_per_image:.4f}", str(len(masks))):
                raise Broken(f"other scores than {scores}: {said.out[:500]}")
            return "right"

    for given in inputs:
        tally.check(f"evaluate{door}", given.name, judge, given)


# --- Bombs --------------------------------------------------------------------------------------------------


def check_bombs(tally: Tally, weights: Path, inputs: Sequence[Bomb], progress: Progress) -> Table:
    """Every bomb through a process of its own; the table says what each took."""
    table = Table(title="Memory of the process")
    for column in ("Input", "On disk", "Ends in", "Seconds", "Peak", "Beyond an ordinary image"):
        table.add_column(column, justify="left" if column in ("Input", "Ends in") else "right")
    ordinary = 0.0
    task = progress.add_task("bombs", total=len(inputs))

    def judge(bomb: Bomb) -> Verdict:
        nonlocal ordinary
        with sandbox() as inside:
            words = bomb.make(inside)
            if "--weights" not in words:
                words += ["--weights", weights]
            size = Path(words[1]).stat().st_size
            before = snapshot(inside.parent, apart_from=inside / "out")
            began = time.monotonic()
            said = in_its_own(words)
            seconds = time.monotonic() - began
            if snapshot(inside.parent, apart_from=inside / "out") != before:
                raise Broken("something outside the output folder was touched")
        ordinary = ordinary or said.megabytes
        beyond = said.megabytes - ordinary
        first = said.err.splitlines()[0] if said.err else ""
        refused = said.status != 0
        ends = "one sentence" if refused else "right answer"
        table.add_row(
            bomb.name, f"{size:,} B", ends, f"{seconds:.1f}", f"{said.megabytes:,.0f} MB", f"{beyond:+,.0f} MB"
        )
        if "Traceback" in said.err or refused != (bomb.words is not None):
            raise Broken(f"exit status {said.status}: {said.err[-500:]}")
        if bomb.words is not None:
            check_sentence(first, bomb.words)
        allowed = ordinary + REFUSED_MB if refused else LARGEST_MB
        if said.megabytes > allowed:
            raise Broken(f"{said.megabytes:.0f} MB, more than {allowed:.0f}")
        return "sentence" if refused else "right"

    for bomb in inputs:
        tally.check("bombs, in a process", bomb.name, judge, bomb)
        progress.advance(task)
    return table


# --- All of it ----------------------------------------------------------------------------------------------


def check_here(tally: Tally, weights: Path, cuts: int, flips: int, many: int, every: int = 1) -> None:
    """Everything that one process can judge.

    Args:
        tally: where it is counted.
        weights: small ones.
        cuts: at how many places each kind of file is cut short.
        flips: how many of its bits are flipped, one at a time.
        many: entries of the largest archive.
        every: take every so manieth of the weights, and of the data sets to evaluate.
    """
    with tempfile.TemporaryDirectory() as place:
        inputs = images(Path(place))
        check_images(tally, Path(place), inputs)
        check_images(tally, Path(place), list(damaged_images(cuts, flips)))
        check_predict_images(tally, "predict", weights, inputs, in_this_process)
    check_damaged_zips(tally, cuts, flips)
    check_scenes(tally, "predict", weights, scenes(many), in_this_process)
    check_weights(tally, weights, weights_inputs()[::every])
    check_weights_commands(tally, "", weights, weights_inputs()[::every], in_this_process)
    check_data(tally, data_inputs())
    check_evaluate(tally, "", weights, data_inputs()[::every], in_this_process)


def check_in_processes(tally: Tally, weights: Path, progress: Progress) -> None:
    """The command line as a user meets it: all images at once, every archive and folder, some weights and data."""
    with tempfile.TemporaryDirectory() as place:
        check_predict_images(tally, "predict, in a process", weights, images(Path(place)), in_its_own)
    chosen = scenes(100_000)
    weights_chosen, data_chosen = weights_inputs()[::12], data_inputs()[::5]
    task = progress.add_task("processes", total=len(chosen) + len(weights_chosen) + len(data_chosen))
    for scene in chosen:
        check_scenes(tally, "predict, in a process", weights, [scene], in_its_own)
        progress.advance(task)
    for pair in weights_chosen:
        check_weights_commands(tally, ", in a process", weights, [pair], in_its_own)
        progress.advance(task)
    for data in data_chosen:
        check_evaluate(tally, ", in a process", weights, [data], in_its_own)
        progress.advance(task)


def main() -> int:
    """Runs the command line; 0 where every promise held, 1 where one did not."""
    options = tyro.cli(Options)
    console = Console(width=120)
    tally = Tally()
    with tempfile.TemporaryDirectory() as place, Progress(console=Console(stderr=True), transient=True) as progress:
        weights = small_weights(Path(place))
        check_here(tally, weights, cuts=30, flips=250, many=2000 if options.quick else 100_000)
        memory = None
        if not options.quick:
            check_in_processes(tally, weights, progress)
            memory = check_bombs(tally, weights, bombs(), progress)
    console.print(tally.table())
    if memory is not None:
        console.print(memory)
    for sentence in tally.broken:
        console.print(sentence, markup=False, highlight=False)
    held = not tally.broken
    console.print("Every promise held." if held else f"{len(tally.broken)} promises were broken.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
