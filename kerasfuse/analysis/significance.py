"""Whether two models differ, over the same seeds."""

from typing import NamedTuple

import numpy as np


class PairedTest(NamedTuple):
    """The outcome of `paired_test`: mean difference, its sd, two-sided p-value, pairs."""

    difference: float
    sd: float
    p_value: float
    n: int


def paired_test(a, b):
    """Test whether results of two models, paired by seed, differ.

        d_i = a_i - b_i,   t = mean(d) / (sd(d) / sqrt(n))

    Student's paired t-test, two-sided, n - 1 degrees of freedom. With one pair, sd and p-value
    are NaN: one run decides nothing. If all differences are equal (up to rounding), sd is 0 and
    the p-value is the limit of the test: 1 if they are 0, else 0.

    Args:
        a: results of one model, one a seed.
        b: results of the other with the same seeds in the same order.

    Returns:
        A `PairedTest` with `difference` (mean of a - b), `sd` (n - 1 in the denominator),
        `p_value` and `n`.

    Raises:
        ValueError: no results, different numbers of them, or one that is not finite.

    Example:

    >>> test = paired_test([0.81, 0.83, 0.80, 0.84], [0.79, 0.80, 0.79, 0.82])
    >>> round(test.difference, 4), round(test.p_value, 3), test.n
    (0.02, 0.016, 4)
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ValueError(
            "`a` and `b` expected one result for each of the same seeds, at least one. "
            f"Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"`a` and `b` expected finite results. Received: a={a}, b={b}")
    # Imported here: SciPy's statistics take a second that nobody else needs to spend.
    from scipy import stats

    differences = a - b
    mean, n = float(differences.mean()), len(differences)
    if n == 1:
        return PairedTest(mean, float("nan"), float("nan"), n)
    # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit; a t of 1e15 would be made of rounding.
    rounding = 4 * np.finfo("float64").eps * max(np.abs(a).max(), np.abs(b).max())
    if np.ptp(differences) <= rounding:
        return PairedTest(mean, 0.0, 1.0 if abs(mean) <= rounding else 0.0, n)
    p_value = float(stats.ttest_1samp(differences, 0.0).pvalue)
    return PairedTest(mean, float(differences.std(ddof=1)), p_value, n)
