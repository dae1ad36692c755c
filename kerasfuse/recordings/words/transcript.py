"""Words with the times at which they were said."""

import dataclasses

import numpy as np

# How tools write that nobody said a word, or that none of theirs was heard.
NO_WORDS = frozenset(
    (
        "",
        "sp",
        "sil",
        "spn",
        "nsn",
        "<sil>",
        "<s>",
        "</s>",
        "<eps>",
        "<unk>",
        "<p:>",
        "[noise]",
        "#",
    )
)


@dataclasses.dataclass(frozen=True, eq=False)
class Transcript:
    """The words of one recording, in order of time.

    Args:
        words: list of words as they are written.
        times: float64 array `(words, 2)`, start and end in seconds.
        origin: what the times come from, such as `"captions"`.
        notes: sentences about what was changed.

    Raises:
        ValueError: for times that are not two for each word, or not finite.
    """

    words: list[str]
    times: np.ndarray
    origin: str
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        if self.times.shape != (len(self.words), 2) or not np.isfinite(self.times).all():
            raise ValueError(
                f"expected the start and end of {len(self.words)} words. Received: times of shape "
                f"{self.times.shape}{'' if np.isfinite(self.times).all() else ', not all finite'}"
            )

    def __len__(self):
        return len(self.words)

    def between(self, start, end):
        """Return the words whose middle lies in `[start, end)`."""
        middle = self.times.mean(axis=1)
        rows = np.flatnonzero((middle >= start) & (middle < end))
        words = [self.words[row] for row in rows]
        return dataclasses.replace(self, words=words, times=self.times[rows])

    def within(self, seconds):
        """Return the words that begin before the end of a recording, with a note of the others.

        Args:
            seconds: length of the recording.
        """
        inside = self.times[:, 0] < seconds
        if inside.all():
            return self
        count = int((~inside).sum())
        times = np.minimum(self.times[inside], seconds)
        words = [word for word, stays in zip(self.words, inside, strict=True) if stays]
        note = (
            f"{count:,} of {len(self):,} words come after the end of the recording, at "
            f"{seconds:.1f} s, and are left out."
        )
        return dataclasses.replace(self, words=words, times=times, notes=(*self.notes, note))


def in_order(words, times, origin, notes=()):
    """Make a `Transcript` of words in any order, without marks of pauses, none before second 0.

    Args:
        words, times, origin, notes: see `Transcript`; times also as a list of pairs.
    """
    times = np.asarray(times, "float64").reshape(-1, 2)
    kept = [row for row, word in enumerate(words) if word.strip().lower() not in NO_WORDS]
    times = np.maximum(times[kept], 0)
    times[:, 1] = np.maximum(times[:, 1], times[:, 0])
    order = np.argsort(times[:, 0], kind="stable")
    return Transcript(
        [words[kept[row]].strip() for row in order], times[order], origin, tuple(notes)
    )


def spread(text, start, end):
    """Cut a text into words and share its time out among them by their letters.

    Args:
        text: words with spaces between.
        start, end: in seconds.

    Returns:
        List of words, and a list of `(start, end)`.

    Example:

    >>> spread("a bed", 1.0, 3.0)
    (['a', 'bed'], [(1.0, 1.5), (1.5, 3.0)])
    """
    words = text.split()
    shares = np.cumsum([0, *(max(1, sum(map(str.isalnum, word))) for word in words)])
    edges = (start + (end - start) * shares / max(1, shares[-1])).tolist()
    return words, list(zip(edges[:-1], edges[1:], strict=True))
