"""Words with their times, of the computational sequence of words."""

import numpy as np

from kerasfuse.text.word_shift import shifted, word_shift


class TimedWords:
    """The words of all videos beside the times at which they were said.

    Where times stand a place off, as they do in CMU-MOSI's file, they are moved; the lengths of
    the words show it.

    Args:
        sequence: `csd.Sequence` of words.

    Attributes:
        path: the file.
        shift: by how many places the times were off.
    """

    def __init__(self, sequence):
        self.path = sequence.path
        found = {}
        for key in sequence.keys():
            words, times = sequence.read(key)
            found[key] = [_decoded(word) for word in words[:, 0]], np.asarray(times, "float64")
        self.shift = word_shift(*map(list, zip(*found.values(), strict=True)))
        self._found = {}
        for key, pair in found.items():
            words, times = shifted(*pair, self.shift)
            self._found[key] = np.array(words, object), times

    def keys(self):
        """Names of the videos."""
        return list(self._found)

    def __contains__(self, key):
        return key in self._found

    def read(self, key):
        """Give the words of a video `(words,)`, pauses among them, and their times `(words, 2)`."""
        return self._found[key]

    def notes(self):
        """List what was mended, as sentences for the report."""
        if not self.shift:
            return []
        return [
            f"the times of words stood {abs(self.shift)} place off in {self.path.name}: word j has "
            f"the times of place j {self.shift:+d} now, as the lengths of the words ask for."
        ]


def _decoded(word):
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
