"""From the files of a data set to TFDS records: once, in pieces, and whole or not at all."""

import contextlib
import errno
import io
import itertools
import json
import logging
import pathlib
import shutil
import textwrap

import numpy as np
import tensorflow_datasets as tfds

from kerasfuse import plain_files, progress
from kerasfuse.atomic import disk_is_full, locked, replacing, sweep
from kerasfuse.datasets.conversion import report, sharing, source_files
from kerasfuse.datasets.conversion.builder import (
    FACTS,
    Packaging,
    file_format,
    staged,
    unreadable_in,
    write_pieces,
    write_share,
)
from kerasfuse.datasets.conversion.damaged import whole
from kerasfuse.datasets.conversion.unreadable import (
    POLICIES,
    check_splits_and_classes,
    line,
    policy,
)
from kerasfuse.nearest_names import choose

# Letters of a note in a message; a note may name thousands of files.
_NOTE = 300
# In the folder of a data set: what a conversion holds, where it keeps its pieces, with another end
# where samples may be left out, and what TFDS names folders that it has not finished.
_LOCK = ".lock"
_FACTS = (
    *("version", "stamp", "bytes", "sha256", "fields", "label_range", "aligned", "facts"),
    "report",
)
_STAGE, _SKIPPING = ".converting-", "-skip"
_INCOMPLETE = "incomplete."


def prepared(
    builder_class,
    files,
    read,
    accept=None,
    *,
    data_dir=None,
    missing="",
    strict=False,
    own_files=False,
    unreadable=None,
):
    """Give the folder of the records that were made from files, making them if need be.

    The records lie where those of TensorFlow Datasets do: in TFDS_DATA_DIR or
    ~/tensorflow_datasets. They know their files again by what changes with their content, see
    `source_files.stamp`, else by the content itself. An
    interrupted conversion leaves only a hidden folder of finished pieces, with which the same
    conversion goes on. Records do without their files, unless the user names a folder.

    What to do at unreadable files is no part of what records are called: where none were met, the
    records of `"stop"` and `"skip"` are the same. Records that lack samples do for whoever does not
    say `"stop"`.

    Args:
        builder_class: subclass of `Builder`.
        files: list of paths; empty where they are not all there.
        read: function of a progress display that gives the `Source`; called only when records
            have to be made.
        accept: function of what is stored beside the records, whether they will do.
        data_dir: the folder, or file, that the user named.
        missing: what was not found, for the message.
        strict: refuse split sizes other than the known ones.
        own_files: whether each sample has files of its own, whose readers check them.
        unreadable: of such a data set, `"stop"` at a file that cannot be used, or `"skip"` its
            sample; by default `"skip"` from 1,000 samples on.

    Returns:
        `(folder, facts)`.

    Raises:
        FileNotFoundError: when there are neither files nor records.
        ValueError: for files that hold anything but what they should.
        OSError: when the records cannot be written.
    """
    if unreadable is not None:
        choose("unreadable", unreadable, POLICIES)
    root = source_files.home() / builder_class.name
    files = [pathlib.Path(file) for file in files]
    if share := sharing.shared_in(root):
        _help(builder_class, read, share)
    _sweep(builder_class, root)
    found = _find(builder_class, root, files, accept) if files or not data_dir else None
    if not found and not files:
        folder = source_files.folder(data_dir)
        came = "a folder" if folder.exists() else "a path that does not exist,"
        raise FileNotFoundError(
            f"expected the files of {builder_class.name} in {str(folder)!r}. Received: {came} "
            f"without {missing}. Name the right folder in data_dir=... or in the environment "
            "variable KERASFUSE_DATA. "
            f"{builder_class.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )
    wish = (own_files, unreadable)
    stored, facts = found or _made(builder_class, root, files, read, accept, wish)
    _check_complete(stored, facts, unreadable)
    if strict and facts["report"]["sizes"]:
        raise ValueError(
            "expected the known split sizes, as strict=True says. Received: "
            f"{source_files.named(files or [stored])}. {facts['report']['sizes']}"
        )
    return stored, facts


def _help(builder_class, read, share):
    with progress.bars() as bars:
        source = read(bars)
        source.unreadable = share.unreadable
        stage = pathlib.Path(share.stage)
        write_share(_builder(builder_class, source, stage, stage.parents[1]), share)
    raise sharing.DoneError


def _check_complete(stored, facts, unreadable):
    # Records of former versions know of no such files.
    left_out = facts["report"].get("unreadable", [])
    if unreadable == "stop" and left_out:
        raise ValueError(
            'expected files that can all be used, as unreadable="stop" says. Received: '
            f"{line(left_out[0])}. The records in {str(stored)!r} were made without "
            f"{len(left_out):,} such samples. Get these files again, or remove them."
        )


def _made(builder_class, root, files, read, accept, wish):
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / _LOCK):
            # Another process may have been faster.
            found = _find(builder_class, root, files, accept)
            return found or _convert(builder_class, root, files, read, *wish)
    except OSError as error:
        if disk_is_full(error):
            raise OSError(
                errno.ENOSPC,
                f"expected room for the prepared records in {root}. Received: a full disk. Make "
                "room, or name another folder in the environment variable TFDS_DATA_DIR: the same "
                "call goes on with the pieces that are finished",
            ) from error
        if not str(error.filename or "").startswith(str(root.parent)):
            raise  # of the source files, or told already
        raise OSError(
            f"expected a folder to write the prepared records to. Received: {root} ({error}). "
            "Name another one in the environment variable TFDS_DATA_DIR."
        ) from error


def _sweep(builder_class, root):
    """Remove what killed conversions left that no other goes on with; the lock file tells of one.

    Pieces stay where they are of files that are not converted yet.
    """
    if not (root / _LOCK).exists():
        return
    # Another process that converts now, or a folder that cannot be written to.
    with contextlib.suppress(OSError), locked(root / _LOCK, wait=False):
        sweep(root)
        for folder in root.glob(f"*/{_INCOMPLETE}*"):
            shutil.rmtree(folder, ignore_errors=True)
        done = {
            _key(facts["version"], facts["sha256"])
            for facts in map(_read_facts, root.glob(f"[!.]*/*/{FACTS}"))
        }
        for stage in root.glob(f"{_STAGE}*"):
            version, _, sha256 = stage.name.removesuffix(_SKIPPING).rpartition("-")
            version = version.rpartition("-")[2]
            if version != str(builder_class.VERSION) or f"{version}-{sha256}" in done:
                shutil.rmtree(stage, ignore_errors=True)


def _key(version, sha256):
    """Name a version of the records of some files."""
    return f"{version}-{sha256[:16]}"


def _find(builder_class, root, files, accept):
    stamp = source_files.stamp(files)
    for path in sorted(root.glob(f"[!.]*/*/{FACTS}")):
        facts = _read_facts(path)
        unfinished = path.parent.name.startswith(_INCOMPLETE)
        if unfinished or facts["version"] != str(builder_class.VERSION):
            continue
        known = not files or (stamp is not None and facts["stamp"] == stamp)
        if not known and facts["bytes"] == source_files.size(files):
            known = facts["sha256"] == source_files.sha256(files)
            if known and stamp:  # moved, or touched: the next time needs no look inside
                # Unless another process holds the folder, or it cannot be written to.
                with contextlib.suppress(OSError), locked(root / _LOCK, wait=False):
                    _write_facts(path, facts | {"stamp": stamp})
        if known and (accept is None or accept(facts)):
            return path.parent, facts
    return None


def _convert(builder_class, root, files, read, own_files, unreadable):
    for file in () if own_files else files:
        source_files.check_content(file)
    with progress.bars() as bars:
        source = read(bars)
        if own_files:
            count = sum(count for count, _ in source.splits.values())
            source.unreadable = policy(unreadable, count)
        _check_splits(source, files)
        sha256 = source_files.sha256(files)
        # Pieces of another version are not gone on with, nor are those that lack samples.
        key = _key(builder_class.VERSION, sha256) + _SKIPPING * (source.unreadable == "skip")
        stage = root / f"{_STAGE}{source.config}-{key}"
        builder = _builder(builder_class, source, stage, root.parent)
        try:
            write_pieces(builder, bars)
            with whole(stage):
                pieces = staged(stage)
            _check_left_out(pieces)
            _check_ids(pieces, files)
            found = report.gather(source, pieces)
        except ValueError:  # nothing to go on with
            shutil.rmtree(stage, ignore_errors=True)
            raise
    facts = {
        "version": str(builder_class.VERSION),
        "stamp": source_files.stamp(files),
        "bytes": source_files.size(files),
        "sha256": sha256,
        "fields": {n: [list(f.shape), f.dtype] for n, f in source.fields.items()},
        "label_range": source.label_range,
        "aligned": list(source.aligned),
        "facts": source.facts,
        "report": found,
    }
    _write_facts(stage / FACTS, facts)
    if builder.data_path.exists():  # records of other files, or what TFDS did not finish
        shutil.rmtree(builder.data_path)
        builder = _builder(builder_class, source, stage, root.parent)
    _finish(builder)
    shutil.rmtree(stage)
    progress.say(report.text(builder.name, facts))
    return pathlib.Path(builder.data_path), facts


def _read_facts(path):
    with whole(path.parent):
        plain_files.check(path)
        facts = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in _FACTS if name not in facts]
        if missing:
            raise KeyError(*missing)
        return facts


def _write_facts(path, facts):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _builder(builder_class, source, stage, data_dir):
    config = Packaging(name=source.config, source=source, stage=stage)
    with _quiet():
        return builder_class(config=config, data_dir=data_dir, file_format=file_format())


def _finish(builder):
    with _quiet():
        builder.download_and_prepare(
            # A folder that is there and not empty: the records were read from elsewhere.
            download_config=tfds.download.DownloadConfig(
                manual_dir=builder.builder_config.stage, try_download_gcs=False
            )
        )


@contextlib.contextmanager
def _quiet():
    """Keep TFDS from announcing itself; its own bars have nothing left to show."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _check_splits(source, files):
    empty = [split for split, (count, _) in source.splits.items() if not count]
    if empty:
        # What a reader left out is why: ids that match no list, files without a partner.
        notes = "".join(f" Note: {textwrap.shorten(note, _NOTE)}" for note in source.notes)
        raise ValueError(
            f"expected samples in every split. Received: none in {', '.join(empty)} of "
            f"{source_files.named(files)}.{notes} Compare the ids in the files with those in the "
            "lists of splits, or leave the split out."
        )


def _check_left_out(pieces):
    left_out = [one for parts in pieces.values() for _, i in parts for one in unreadable_in(i)]
    if left_out:
        labels = {s: np.concatenate([i["labels"] for _, i in parts]) for s, parts in pieces.items()}
        check_splits_and_classes(labels, left_out)


def _check_ids(pieces, files):
    for split, parts in pieces.items():
        ids = list(itertools.chain.from_iterable(index["ids"].tolist() for _, index in parts))
        if not ids:
            raise ValueError(
                f"expected samples in every split. Received: {split} of "
                f"{source_files.named(files)}, whose samples have all no features or no label. Get "
                "the files again."
            )
        if len(set(ids)) < len(ids):
            seen = {}
            for place, name in enumerate(ids):
                if name in seen:
                    raise ValueError(
                        f"expected one sample an id. Received: field 'id' {name!r} twice in "
                        f"{split} of {source_files.named(files)}, at samples {seen[name]} and "
                        f"{place}. Remove one, or give it another id."
                    )
                seen[name] = place
