"""Maximum mean discrepancy between two sets of vectors, exact or estimated."""

import math

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.ops.blocks import map_blocks

NUM_KERNELS = 5
ESTIMATORS = ("exact", "random_features", "subsample")
BANDWIDTHS = ("differentiated", "detached")

# Entries of one block of the kernel matrix: 2 MB in float32, which stay in a processor's cache.
_BLOCK_ENTRIES = 2**19

# The same on a GPU, 256 MB, and the bytes that an entry takes there while its block is worked on.
_GPU_BLOCK_ENTRIES = 2**26
_BYTES_AN_ENTRY = 12


def mmd(
    x,
    y,
    x_mask=None,
    y_mask=None,
    estimator="exact",
    bandwidth="differentiated",
    num_features=1024,
    max_elements=256,
    seed=None,
):
    """Measure how far two sets of vectors are apart in distribution: squared MMD, V-statistic.

        MMD^2 = mean_ij K(x_i, x_j) + mean_ij K(y_i, y_j) - 2 mean_ij K(x_i, y_j)
        K(a, b) = sum_u exp(-|a - b|^2 / (2^u s)),   u = -2 .. 2

    The base bandwidth s is the mean squared distance within the pooled sample,
    2 (mean |z|^2 - |mean z|^2) in closed form. 0 for equal sets, symmetric, at most 10. A
    V-statistic is biased upwards: two sets of n and m elements of one distribution have
    (1 / n + 1 / m) (5 - mean K) on average, 0.02 to 0.03 for 256 elements a side.

    With s of the data, the value does not change when all vectors are scaled, so neither should
    they be pulled together. Scaling z by c and s by c^2 changes nothing, hence
    sum_i z_i . dV/dz_i + 2 s dV/ds = 0, and the gradient through s removes the component along z:

        g_i - z_i (sum_j z_j . g_j) / sum_j |z_j|^2,   g = dV/dz at constant s, z centred

    `bandwidth="detached"` leaves g as it is, as is usual in domain adaptation. Then sum_j z_j . g_j
    is above 0 for nearly all sets that differ, and each step shrinks all vectors, though that makes
    nothing alike. Queries and keys need their length, or attention becomes uniform.

    Reference: Liang et al., "Attention is not Enough" (MICA), ICCV 2021, section 3.4. The paper
    prints K(k_s, q_s) in the first term, where only k with k makes an MMD, and does not name
    the kernel: the mixture above is that of the domain adaptation work that it cites.

    Three estimators:

    - `"exact"`: all pairs of valid elements, in blocks: memory linear in their number.
    - `"random_features"`: linear time; error falls as 1 / sqrt(num_features).
    - `"subsample"`: exact on up to `max_elements` random valid elements of each side.

    Args:
        x: tensor `(n, width)` or `(groups, n, width)`: one MMD for each group.
        y: tensor `(m, width)` or `(groups, m, width)`.
        x_mask: boolean `(n,)`, shared by the groups; elements that are `False` do not count.
        y_mask: boolean `(m,)`, likewise.
        estimator: `"exact"`, `"random_features"` or `"subsample"`.
        bandwidth: base bandwidth s: of the data, `"differentiated"` or `"detached"` (a constant for
            the gradient), or a number.
        num_features: number of random features.
        max_elements: elements a side for `"subsample"`.
        seed: integer or `keras.random.SeedGenerator` for the two random estimators.

    Returns:
        Scalar or `(groups,)` tensor, float32 (float64 for float64 inputs): 0 where a side has no
        valid element. Differentiable in `x` and `y`.

    Raises:
        ValueError: for an unknown estimator or bandwidth, or widths that differ.

    Example:

    >>> x, y = np.random.normal(size=(2, 100, 5))
    >>> float(mmd(x, x)), float(mmd(x, y + 1)) > float(mmd(x, y))   # (0.0, True)
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"expected `estimator` to be one of {ESTIMATORS}. Received: {estimator!r}")
    check_bandwidth(bandwidth)
    x, y = _at_least_float32(x), _at_least_float32(y)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "expected `x` and `y` to hold vectors of one width. "
            f"Received: x of shape {tuple(x.shape)}, y of shape {tuple(y.shape)}"
        )
    single = len(x.shape) == 2
    if single:
        x, y = x[None], y[None]
    x_mask, y_mask = (
        ops.ones_like(z[0, :, 0], dtype="bool") if mask is None else ops.cast(mask, "bool")
        for z, mask in ((x, x_mask), (y, y_mask))
    )

    if estimator == "subsample":
        x, x_mask = _subsample(x, x_mask, max_elements, seed)
        y, y_mask = _subsample(y, y_mask, max_elements, seed)

    # With z = [x; y] and signed weights that sum to 1 over x and to -1 over y, MMD^2 = w^T K(z) w.
    # Where a side has no valid element, all weights are 0.
    z = ops.concatenate([x, y], axis=1)
    x_valid, y_valid = ops.cast(x_mask, z.dtype), ops.cast(y_mask, z.dtype)
    num_x, num_y = ops.sum(x_valid), ops.sum(y_valid)
    valid = ops.concatenate([x_valid, y_valid], axis=0)
    weights = ops.concatenate([x_valid * num_y, -num_x * y_valid], axis=0)
    weights = weights / backend.at_least(num_x * num_y, 1.0)

    # Distances do not change when both sets move, but small numbers lose fewer digits.
    count = backend.at_least(num_x + num_y, 1.0)
    z = z - ops.stop_gradient(ops.sum(z * valid[:, None], axis=1, keepdims=True) / count)
    z = z * valid[:, None]
    if bandwidth in BANDWIDTHS:
        # After centring, the mean squared distance over all pairs is twice the mean squared norm.
        of_data = 2.0 * ops.sum(z * z, axis=(1, 2)) / count
        of_data = backend.at_least(of_data, keras.config.epsilon())
        if bandwidth == "differentiated":
            # Vectors in units of the bandwidth: the kernel sees the same, and the gradient of the
            # division is that through the bandwidth.
            z = z * ops.rsqrt(of_data)[:, None, None]
            bandwidth = ops.ones_like(of_data)
        else:
            bandwidth = ops.stop_gradient(of_data)
    else:
        bandwidth = ops.zeros_like(z[:, 0, 0]) + bandwidth

    if estimator == "random_features":
        value = _random_feature_energy(z, weights, bandwidth, num_features, seed)
    else:
        value = _kernel_energy(z, weights, bandwidth)
    return value[0] if single else value


def check_bandwidth(bandwidth):
    """Refuse what is no bandwidth."""
    number = isinstance(bandwidth, (int, float)) and not isinstance(bandwidth, bool)
    if bandwidth not in BANDWIDTHS and not (number and 0 < bandwidth < math.inf):
        raise ValueError(
            "expected `bandwidth` to be 'differentiated', 'detached' or a positive number. "
            f"Received: {bandwidth!r}"
        )


def _at_least_float32(x):
    x = ops.convert_to_tensor(x)
    return x if keras.backend.standardize_dtype(x.dtype) == "float64" else ops.cast(x, "float32")


def _subsample(x, mask, max_elements, seed):
    """Keep a random `max_elements` of the valid elements, the same ones in every group."""
    if x.shape[1] is not None and x.shape[1] <= max_elements:
        return x, mask
    if x.shape[1] is None:
        max_elements = ops.minimum(max_elements, ops.shape(x)[1])
    # Valid elements rank from 1 to 2, others below 1.
    rank = backend.uniform(mask, seed) + ops.cast(mask, "float32")
    rank, chosen = ops.top_k(rank, max_elements, sorted=False)
    return backend.take(x, chosen, axis=1), rank >= 1.0


def _kernel_energy(z, weights, bandwidth):
    """Return w^T K(z) w, `(groups,)`, with its gradient in z formed block by block.

    The gradient of w_i w_j k(|z_i - z_j|^2) is closed, so value and gradient are computed together
    without recording anything, and handed over as value + sum g (z - sg(z)): any backend, memory
    linear in the number of elements.
    """
    value, gradient = _energy_and_gradient(
        ops.stop_gradient(z), ops.stop_gradient(weights), ops.stop_gradient(bandwidth)
    )
    value, gradient = ops.stop_gradient(value), ops.stop_gradient(gradient)
    return value + ops.sum(gradient * (z - ops.stop_gradient(z)), axis=(1, 2))


def _energy_and_gradient(z, weights, bandwidth):
    groups, n, _ = z.shape
    rows, missing = 128, 0
    if None in (groups, n):
        missing = -ops.shape(z)[1] % rows
    else:
        entries = backend.block_entries(z, _BLOCK_ENTRIES, _GPU_BLOCK_ENTRIES, _BYTES_AN_ENTRY)
        rows = min(n, max(32, entries // (groups * n)))

    one = ops.ones_like(z[..., :1])
    squares = ops.sum(z * z, axis=-1, keepdims=True)
    widest = bandwidth[:, None, None] * 2.0 ** (NUM_KERNELS // 2)
    # Each product with these does two things at once: |z_i - z_j|^2 is one product of
    # [z_i, |z_i|^2, 1] with [-2 z_j, 1, |z_j|^2], and [z_j, 1] w_j sums for gradient and value. The
    # short side comes first, which a processor multiplies several times faster.
    left = ops.concatenate([z, squares, one], axis=-1)
    right = ops.concatenate([-2.0 * z, one, squares], axis=-1)
    # To base 2, because a processor computes powers of 2 faster than those of e.
    right = _transposed(right / (-math.log(2.0) * widest))
    weighted = _transposed(ops.concatenate([z, one], axis=-1) * weights[:, None])
    powers = ops.exp2(ops.arange(NUM_KERNELS, dtype=z.dtype))[:, None, None, None]

    def block(inputs):
        left, wi = inputs  # (rows, groups, width + 2), (rows,)
        left = ops.transpose(left, (1, 0, 2))
        kernel = ops.exp2(ops.matmul(left, right))  # (groups, rows, n)
        sums = [ops.matmul(weighted, _transposed(kernel))]  # (groups, width + 1, rows)
        while len(sums) < NUM_KERNELS:
            # Bandwidths are powers of two apart: the next kernel is the square of this one.
            kernel = kernel * kernel
            sums.append(ops.matmul(weighted, _transposed(kernel)))
        sums = ops.stack(sums)
        energy = ops.sum(sums[:, :, -1], axis=0)
        slopes = _transposed(ops.sum(powers * sums, axis=0) / widest)
        gradient = left[..., :-2] * slopes[..., -1:] - slopes[..., :-1]
        gradient = -4.0 * wi[:, None] * gradient
        return [ops.transpose(energy * wi), ops.transpose(gradient, (1, 0, 2))]

    by_row = [ops.transpose(left, (1, 0, 2)), weights]
    if n is None:
        by_row = [_pad_rows(x, missing) for x in by_row]
    energy, gradient = block(by_row) if rows == n else map_blocks(block, by_row, rows)
    gradient = gradient[: ops.shape(z)[1]]
    return ops.sum(energy, axis=0), ops.transpose(gradient, (1, 0, 2))


def _transposed(x):
    return ops.swapaxes(x, -1, -2)


def _pad_rows(x, missing):
    return ops.concatenate([x, ops.zeros((missing, *ops.shape(x)[1:]), dtype=x.dtype)], axis=0)


def _random_feature_energy(z, weights, bandwidth, num_features, seed):
    """Estimate w^T K(z) w by random Fourier features.

    exp(-|d|^2 / b) is the mean of cos(f.d) over frequencies f from N(0, 2 / b): with the sums
    c = sum_i w_i cos(f.z_i) and s = sum_i w_i sin(f.z_i), w^T K w is the mean of c^2 + s^2. The
    frequencies are shared out evenly among the kernels of the mixture.
    """
    shape = (z.shape[-1], num_features)
    normal = ops.cast(keras.random.normal(shape, seed=seed), z.dtype)
    exponents = ops.arange(num_features) % NUM_KERNELS - NUM_KERNELS // 2
    scale = ops.sqrt(2.0 / (bandwidth[:, None] * 2.0 ** ops.cast(exponents, z.dtype)))
    angles = ops.matmul(z, normal[None]) * scale[:, None, :]
    cosine = ops.sum(ops.cos(angles) * weights[:, None], axis=1)
    sine = ops.sum(ops.sin(angles) * weights[:, None], axis=1)
    return NUM_KERNELS * ops.mean(cosine * cosine + sine * sine, axis=-1)
