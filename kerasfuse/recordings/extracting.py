"""Clips to a table of features that training, comparison and prediction take."""

import concurrent.futures
import contextlib
import csv
import dataclasses
import io
import json
import multiprocessing
import os
import pathlib
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from kerasfuse import atomic, backend, progress
from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.kinds import check_count
from kerasfuse.recordings.clips import find_clips
from kerasfuse.recordings.extraction import Extraction
from kerasfuse.shown import shortened

TABLE, FACTS = "samples.csv", "facts.json"
# Of the features of one clip: what is known of them is written last, so where it is all is there.
_KNOWN = "known.json"
_MODALITIES = ("audio", "text", "timing", "vision")
# Texts that are encoded at a time.
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Extracted:
    """Say what was extracted.

    Args:
        table: path of the table, for `train --data`, `compare --data` and `predict`.
        clips: number of clips in it.
        left_out: list of dicts of `id`, `file` and `cause`, the clips that could not be used.
        modalities: dict of modality to the number of its columns.
    """

    table: pathlib.Path
    clips: int
    left_out: list[dict[str, str]]
    modalities: dict[str, int]


def extract(sources, output, *, jobs=1, **options):
    """Make features of clips, and a table of them that `train`, `compare` and `predict` take.

    The folder holds `samples.csv`, with a row a clip and a .npy file a modality; `facts.json`, with
    extractors, versions, columns and encoder; and `clips`, with the features by the content of
    clips, so that nothing is extracted twice: an interrupted extraction goes on where it was. A
    clip that cannot be used is left out, and listed in `facts.json` with the cause.

    Args:
        sources: list of sound and video files, folders and tables, see `find_clips`.
        output: the folder; made if need be.
        jobs: how many processes work, no more than the machine has cores.
        **options: what is extracted, see `Extraction`.

    Returns:
        `Extracted`.

    Raises:
        FileNotFoundError: for sources that are not there, and models that are not installed.
        ImportError: without a package that is needed, all of the extra `recordings`.
        ValueError: for unknown options, tables that are none, and where no clip can be used.
        OSError: for a folder that cannot be written to.

    Example:

    >>> kerasfuse.recordings.extract(["clips.csv"], "features").table  # doctest: +SKIP
    PosixPath('features/samples.csv')
    """
    check_count("jobs", jobs)
    extraction, output = Extraction(**options), pathlib.Path(output)
    clips = find_clips(sources)
    atomic.check_writable(output)
    with progress.bars() as bars:
        done = bars.add_task("extracting", total=len(clips))
        found = []
        for one in _extracted(clips, extraction, output, jobs):
            found.append(one)
            bars.advance(done)
    left_out = [
        {"id": clip.id, "file": str(clip.path), "cause": cause}
        for clip, (_, cause) in zip(clips, found, strict=True)
        if cause
    ]
    kept = [
        (clip, output / "clips" / key)
        for clip, (key, cause) in zip(clips, found, strict=True)
        if not cause
    ]
    if not kept:
        raise ValueError(
            f"expected clips that can be used. Received: {len(clips):,}, of which none can. The "
            f"first is {left_out[0]['file']}: {left_out[0]['cause']}"
        )
    encoder = _encode([place for _, place in kept], extraction)
    known = {place: json.loads((place / _KNOWN).read_text(encoding="utf-8")) for _, place in kept}
    streams = {}
    for facts in known.values():
        streams = facts["streams"] | streams
    if encoder and any((place / "text.npy").is_file() for place in known):
        streams["text"] = encoder
    streams = {name: streams[name] for name in _MODALITIES if name in streams}
    _write(output / TABLE, _table(kept, output, streams))
    _write(
        output / FACTS,
        json.dumps(
            {
                "streams": streams,
                "clips": len(kept),
                "left_out": left_out,
                "notes": {clip.id: known[place]["notes"] for clip, place in kept},
            },
            indent=1,
        ),
    )
    widths = {name: len(stream["columns"]) for name, stream in streams.items()}
    return Extracted(output / TABLE, len(kept), left_out, widths)


def _extracted(clips, extraction, output, jobs):
    """Yield the key of the features of each clip, and why it cannot be used, in order."""
    arguments = [(clip, extraction, output) for clip in clips]
    if jobs == 1:
        yield from map(_one, arguments)
        return
    with (
        _environment(backend.child_environment()),
        concurrent.futures.ProcessPoolExecutor(
            min(jobs, len(clips), os.cpu_count() or 1), multiprocessing.get_context("spawn")
        ) as pool,
    ):
        try:
            yield from pool.map(_one, arguments)
        except BrokenProcessPool as error:
            raise ValueError(
                "expected processes that extract to the end. Received: one that died, perhaps of "
                f"too little memory. Run it again with jobs=1, below {jobs}: it goes on."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def _environment(variables):
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _one(arguments):
    clip, extraction, output = arguments
    try:
        key = extraction.key(clip)
        folder = output / "clips" / key
        if not (folder / _KNOWN).is_file():
            _save(folder, *extraction.streams(clip))
    except Unreadable as error:
        return "", str(error)
    except OSError as error:
        # A model that is missing, or a full disk, is no fault of the clip.
        if error.filename not in (str(clip.path), str(clip.transcript)):
            raise
        return "", (
            f"expected files that can be read. Received: {error.filename!r} ({error.strerror})."
        )
    except (ValueError, MemoryError) as error:
        return "", shortened(str(error) or "it needs more memory than there is")
    return key, ""


def _save(folder, streams, words, notes):
    for name, stream in streams.items():
        with atomic.replacing(folder / f"{name}.npy") as temporary:
            np.save(temporary, stream.values)
        with atomic.replacing(folder / f"{name}_times.npy") as temporary:
            np.save(temporary, stream.times)
    facts = {
        "streams": {
            name: {
                "extractor": stream.extractor,
                "version": stream.version,
                "columns": list(stream.columns),
            }
            for name, stream in streams.items()
        },
        "words": words,
        "notes": list(notes),
    }
    _write(folder / _KNOWN, json.dumps(facts))


def _encode(places, extraction):
    """Write the vectors of the words of clips that have none yet; return the facts of the encoder.

    All in one process, which loads the encoder once.
    """
    waiting = {}
    for place in places:
        words = json.loads((place / _KNOWN).read_text(encoding="utf-8"))["words"]
        if words:
            waiting[place] = words
    if not waiting:
        return None
    from kerasfuse.text import TextEncoder

    encoder = TextEncoder(extraction.encoder, extraction.layers)
    missing = [place for place in waiting if not (place / "text.npy").is_file()]
    for first in range(0, len(missing), _BATCH):
        some = missing[first : first + _BATCH]
        vectors = encoder.words([waiting[place] for place in some])
        for place, x in zip(some, vectors, strict=True):
            with atomic.replacing(place / "text.npy") as temporary:
                np.save(temporary, x)
    return {
        "extractor": "word_vectors",
        "version": "1",
        "columns": [f"{i}" for i in range(encoder.width)],
        "encoder": str(extraction.encoder),
        "sha256": encoder.sha256,
        "layers": extraction.layers,
    }


def _table(kept, output, streams):
    columns = list(dict.fromkeys(column for clip, _ in kept for column in clip.columns))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *columns, *streams])
    for clip, place in kept:
        files = [place / f"{name}.npy" for name in streams]
        cells = [file.relative_to(output).as_posix() if file.is_file() else "" for file in files]
        writer.writerow([clip.id, *(clip.columns.get(column, "") for column in columns), *cells])
    return text.getvalue()


def _write(path, text):
    # What is there already stays as it is: records know files by their times.
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    with atomic.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
