"""Work on a large problem in blocks of rows, with the memory of one block."""

from keras import ops


def map_blocks(function, inputs, rows):
    """Apply `function` to `rows` rows of the inputs after the other, and put the results together.

    Results go into arrays that were there before: collecting them in a list would scatter small
    pieces among the freed blocks of a processor's heap, which then grows as if nothing was freed.

    Args:
        function: takes a list of tensors of `rows` rows, returns a list of such tensors.
        inputs: list of tensors whose first axis has one length, a multiple of `rows`.
        rows: rows a block.

    Returns:
        The list of results for all rows.
    """
    total = ops.shape(inputs[0])[0]

    def block(start):
        return function([ops.slice(x, _at(start, x), (rows, *ops.shape(x)[1:])) for x in inputs])

    first = block(0)
    results = [ops.zeros((total, *ops.shape(r)[1:]), dtype=r.dtype) for r in first]
    results = [ops.slice_update(a, _at(0, a), r) for a, r in zip(results, first, strict=True)]

    def step(i, results):
        pieces = block(i * rows)
        return [
            ops.slice_update(a, _at(i * rows, a), r) for a, r in zip(results, pieces, strict=True)
        ]

    return ops.fori_loop(1, total // rows, step, results)


def _at(start, x):
    return (start, *([0] * (len(x.shape) - 1)))
