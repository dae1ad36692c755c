import numpy as np
import pytest
from keras import ops

from kerasfuse.ops.blocks import map_blocks


# 4 and 5 do not divide 6: the last block overlaps.
@pytest.mark.parametrize("rows", [1, 2, 4, 5, 6])
def test_blocks_give_what_the_whole_gives(rows):
    x = np.arange(24, dtype="float32").reshape(6, 4)
    y = np.arange(6, dtype="float32")

    def function(inputs):
        a, b = inputs
        return [a * b[:, None], ops.sum(a, axis=1)]

    tensors = [ops.convert_to_tensor(x), ops.convert_to_tensor(y)]
    product, total = map_blocks(function, tensors, rows)
    np.testing.assert_allclose(ops.convert_to_numpy(product), x * y[:, None])
    np.testing.assert_allclose(ops.convert_to_numpy(total), x.sum(1))
