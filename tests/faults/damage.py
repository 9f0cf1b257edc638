"""A library is damaged at random: that is noticed, said in a line, mended from what is whole, and never silently wrong.

    python -m tests.faults.damage --times 200 --seed 0

Each time a copy of one small library with everything in it is damaged in one way. Searches of it must find what they
found before, or fail with one line that says how to mend it, or else `askpix doctor` must notice. Then it is repaired,
after which doctor must find it whole, and indexed once more, after which it must be what it was, but for what people
had said, of which it is counted how much was lost.
"""

import argparse
import itertools
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vlm
from indexer.pipeline import IndexRun
from indexer.repair import repair
from searcher import Library, segments
from searcher.albums import add_to_album, make_album
from searcher.corrections import correct_caption, correct_tags
from searcher.doctor import examine
from searcher.settings import Settings, load_settings
from vlm.errors import AskpixError

from .contents import Contents, contents, differences, make_pictures
from .report import report

PHOTOS = Path(__file__).parent.parent.parent / "demo" / "photos"
PICTURES = 60
ROWS = 16  # of a segment, so that there are several
QUERIES = ("a dog", "a cat on a chair", "harbour", "something to eat")
_PAGE = 4_096
_BY_PEOPLE = ("captions", "tags", "answers", "albums")

Damage = Callable[[Path, random.Random], str]


@dataclass
class Counts:
    """What came of damage, by its kind."""

    times: Counter[str] = field(default_factory=Counter)
    harmless: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{kind}: {count} times, harmless {self.harmless[kind]}, searches refused {self.refused[kind]}"
            for kind, count in sorted(self.times.items())
        ]
        lost = ", ".join(f"{count} {kind}" for kind, count in self.lost.items()) or "nothing"
        total = sum(self.times.values())
        lines.append(
            f"{total - len(self.wrong)} of {total} noticed and mended; of what people had said was lost: {lost}"
        )
        return "\n".join(lines)


def make(folder: Path, encoder: Any) -> None:
    """A library with something in every table, over several segments, with a trained index."""
    make_pictures(folder / "photos", PICTURES, sorted(PHOTOS.rglob("*.jpg")))
    with _opened(folder, encoder) as library:
        _index(library, folder)
        hits = library.browse(k=1000)
        for number, hit in enumerate(hits):
            if number % 3 == 0:
                correct_caption(library, hit.photo.id, f"what people say of it, number {number}")
            if number % 4 == 0:
                correct_tags(library, hit.photo.id, add=[f"tag {number}"], remove=[])
        make_album(library, "Best of", None)
        add_to_album(library, "Best of", [hit.photo.id for hit in hits[::2]])
        list(library.ask("is it indoors?", [hit.photo for hit in hits], save_as="indoors"))
        _index(library, folder)


def _opened(folder: Path, encoder: Any) -> Library:
    return Library(settings=settings_of(folder), create=True, encoder=encoder, captioner=encoder, answerer=encoder)


def settings_of(folder: Path) -> Settings:
    """A trained index from the twentieth vector on."""
    return load_settings(library=folder / "library", exact_rows=20)


def _index(library: Library, folder: Path) -> None:
    for _ in IndexRun(library, [folder / "photos"]):
        pass


# Ways to damage it


def garbage_page(library: Path, dice: random.Random) -> str:
    return _page(library, dice, lambda page: dice.randbytes(len(page)))


def empty_page(library: Path, dice: random.Random) -> str:
    return _page(library, dice, lambda page: bytes(len(page)))


def torn_page(library: Path, dice: random.Random) -> str:
    return _page(library, dice, lambda page: page[:512] + dice.randbytes(len(page) - 512))


def _page(library: Path, dice: random.Random, change: Callable[[bytes], bytes]) -> str:
    path = library / "catalog.sqlite"
    with path.open("r+b") as file:
        number = dice.randrange(path.stat().st_size // _PAGE)
        file.seek(number * _PAGE)
        page = file.read(_PAGE)
        file.seek(number * _PAGE)
        file.write(change(page))
    return f"page {number + 1}"


def cut_catalog(library: Path, dice: random.Random) -> str:
    path = library / "catalog.sqlite"
    keep = dice.randrange(1, path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(keep)
    return f"{keep} bytes"


def flipped_bit(library: Path, dice: random.Random) -> str:
    return _flip(dice.choice(sorted(library.glob("vectors/*/*.segment"))), dice)


def flipped_mark(library: Path, dice: random.Random) -> str:
    return _flip(dice.choice(sorted(library.glob("vectors/*/*.marks"))), dice)


def flipped_index(library: Path, dice: random.Random) -> str:
    return _flip(next(library.glob("vectors/*/index.faiss")), dice)


def flipped_description(library: Path, dice: random.Random) -> str:
    return _flip(next(library.glob("vectors/*/model.json")), dice)


def _flip(path: Path, dice: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at = dice.randrange(len(data))
    data[at] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    return f"byte {at} of {path.name}"


def cut_segment(library: Path, dice: random.Random) -> str:
    path = dice.choice(sorted(library.glob("vectors/*/*.segment")))
    keep = dice.randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(keep)
    return f"{path.name} to {keep} bytes"


def lost_segment(library: Path, dice: random.Random) -> str:
    path = dice.choice(sorted(library.glob("vectors/*/*.segment")))
    path.unlink()
    return path.name


def swapped_segments(library: Path, dice: random.Random) -> str:
    paths = dice.sample(sorted(library.glob("vectors/*/*.segment"))[:-1], 2)
    for end in (".segment", ".marks"):
        one, other = (path.with_suffix(end) for path in paths)
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
    return " and ".join(path.name for path in paths)


def cut_index(library: Path, dice: random.Random) -> str:
    path = next(library.glob("vectors/*/index.faiss"))
    keep = dice.randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(keep)
    return f"to {keep} bytes"


KINDS: tuple[Damage, ...] = (
    garbage_page,
    flipped_bit,
    empty_page,
    cut_segment,
    torn_page,
    flipped_mark,
    lost_segment,
    cut_catalog,
    flipped_index,
    swapped_segments,
    flipped_description,
    cut_index,
)

# What must come of it


def found(folder: Path, encoder: Any) -> list[list[tuple[str, float]]] | None:
    """What searches find; None where they fail with a line that says how to mend it."""
    try:
        with _opened(folder, encoder) as library:
            results = [library.search(query, k=10, min_confidence=0) for query in QUERIES]
    except AskpixError as error:
        assert "askpix doctor --repair" in str(error), error
        assert "\n" not in str(error)
        return None
    return [[(hit.photo.hash, round(hit.score, 3)) for hit in hits] for hits in results]


def damage_once(folder: Path, encoder: Any, kind: Damage, dice: random.Random, before: Any, counts: Counts) -> None:
    """Damage a library once, and see what comes of it."""
    name = kind.__name__
    counts.times[name] += 1
    results, whole = before
    where = f"{name} {kind(folder / 'library', dice)}"
    after = found(folder, encoder)
    counts.refused[name] += after is None
    faults = [one for one in examine(settings_of(folder)) if not one.ok]
    if not faults:
        counts.harmless[name] += 1
        if after != results:
            counts.wrong.append(f"{where}: not noticed, and searches find something else")
    done = list(repair(settings_of(folder)))
    if faults and not done:
        counts.wrong.append(f"{where}: nothing is said to be mended of: {faults[0]}")
    still = [one for one in examine(settings_of(folder)) if not one.ok]
    if still:
        counts.wrong.append(f"{where}: still wrong after it was mended: {still[0]}")
        return
    with _opened(folder, encoder) as library:
        _index(library, folder)
        told = differences(whole, contents(library))
    for line in told:
        if line.startswith(_BY_PEOPLE) or "people" in line:
            counts.lost[line.split()[0]] += 1
        else:
            counts.wrong.append(f"{where}: {line}")
            break
    if told and not any("lost" in line for line in done):
        counts.wrong.append(f"{where}: it is not told that anything was lost: {told[0]}")


def damages(times: int, seed: int, scratch: Path, kinds: tuple[Damage, ...] = KINDS) -> Iterator[Counts]:
    """Damage a library of several segments so many times, in each way in turn; yields the counts after each."""
    encoder, counts, dice = vlm.load(), Counts(), random.Random(seed)
    make(scratch / "whole", encoder)
    _settle(scratch / "whole" / "library")
    with _opened(scratch / "whole", encoder) as library:
        whole: Contents = contents(library)
    before = found(scratch / "whole", encoder), whole
    for kind in itertools.islice(itertools.cycle(kinds), times):
        kept = scratch / "kept"
        shutil.copytree(scratch / "whole" / "library", kept)
        damage_once(scratch / "whole", encoder, kind, dice, before, counts)
        shutil.rmtree(scratch / "whole" / "library")
        kept.rename(scratch / "whole" / "library")
        yield counts


def _settle(library: Path) -> None:
    """Have everything in the catalog's own file, and no free pages."""
    with closing(sqlite3.connect(library / "catalog.sqlite", isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    segments.SEGMENT_ROWS = ROWS
    with tempfile.TemporaryDirectory() as scratch:
        report(f"seed {args.seed}", damages(args.times, args.seed, Path(scratch)))


if __name__ == "__main__":
    main()
