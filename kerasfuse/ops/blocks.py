"""Work on a large problem in blocks of rows, with the memory of one block."""

from keras import ops

from kerasfuse import backend


def map_blocks(function, inputs, rows):
    """Apply `function` to `rows` rows of the inputs after the other, and put the results together.

    Results go into arrays that were there before: collecting them in a list would scatter small
    pieces among the freed blocks of a processor's heap, which then grows as if nothing was freed.
    Where `rows` does not divide the number of rows, the last block overlaps the one before it.

    Args:
        function: takes a list of tensors of `rows` rows, returns a list of such tensors, each row
            of them computed from the same row of the inputs.
        inputs: list of tensors whose first axis has one length, at least `rows`.
        rows: rows a block.

    Returns:
        The list of results for all rows.
    """
    total = ops.shape(inputs[0])[0]

    def block(start):
        return function([ops.slice(x, _at(start, x), (rows, *ops.shape(x)[1:])) for x in inputs])

    first = block(0)
    results = [ops.zeros((total, *ops.shape(r)[1:]), dtype=r.dtype) for r in first]
    results = [backend.put(a, 0, r) for a, r in zip(results, first, strict=True)]

    def step(i, results):
        start = _smaller(i * rows, total - rows)
        return [backend.put(a, start, r) for a, r in zip(results, block(start), strict=True)]

    return ops.fori_loop(1, -(-total // rows), step, results)


def _smaller(a, b):
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else ops.minimum(a, b)


def _at(start, x):
    return (start, *([0] * (len(x.shape) - 1)))
