"""Labels and outputs that are kept, for metrics that go by ranks."""

from keras import ops

from kerasfuse.backend import known_integer
from kerasfuse.metrics.outputs.selection import OfOutputs

CAPACITY = 2**15


class KeptOutputs(OfOutputs):
    """Keep the labels and outputs of the last `capacity` samples.

    Args:
        num_outputs, output, name, dtype: see `OfOutputs`.
        capacity: number of samples.
    """

    def __init__(self, num_outputs=1, output=None, capacity=CAPACITY, name=None, dtype=None):
        super().__init__(num_outputs, output, name, dtype)
        self.capacity = capacity
        shape = (capacity, 2 * self.columns + 1)
        self.kept = self.add_variable(shape, "zeros", dtype=self.dtype, name="kept")
        self.count = self.add_variable((), "zeros", dtype="int32", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted, weight = self.read(y_true, y_pred, sample_weight)
        counts = ops.cast(ops.expand_dims(weight != 0, 1), self.dtype)
        rows = ops.cast(ops.concatenate([true, predicted, counts], axis=1), self.dtype)
        rows = rows[-self.capacity :]
        number = ops.shape(rows)[0]
        count = ops.convert_to_tensor(self.count)
        places = ops.mod(count + ops.arange(number, dtype="int32"), self.capacity)
        kept = ops.convert_to_tensor(self.kept)
        self.kept.assign(ops.scatter_update(kept, ops.expand_dims(places, 1), rows))
        self.count.assign(count + number)

    def samples(self):
        """Return labels and outputs `(columns, samples)`, and which count, `(samples,)`."""
        kept = ops.convert_to_tensor(self.kept)
        # As many rows as there are, where that is known: few to sort.
        number = known_integer(self.count + 0)  # a tensor, no variable
        if number is not None:
            kept = kept[: max(min(number, self.capacity), 1)]
        kept = ops.transpose(kept)
        return kept[: self.columns], kept[self.columns : -1], kept[-1] > 0

    def get_config(self):
        return {**super().get_config(), "capacity": self.capacity}
