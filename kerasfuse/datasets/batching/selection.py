"""Some of the samples of a store, in any order."""


class Selection:
    """Read some samples of `Memory`, `Records` or another selection as if there were no others.

    Args:
        store: where they are.
        rows: integer array of their positions.
    """

    def __init__(self, store, rows):
        self._store, self._rows = store, rows
        self.modalities = store.modalities
        self.aligned = store.aligned
        self.num_samples = len(rows)
        self.lengths = {name: lengths[rows] for name, lengths in store.lengths.items()}

    def samples(self, rows):
        return self._store.samples(self._rows[rows])

    def update(self, digest):
        self._store.update(digest)
        digest.update(self._rows.astype("int64").tobytes())

    def valid_steps(self, i):
        return self._store.valid_steps(self._rows[i])
