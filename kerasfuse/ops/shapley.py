"""Shapley values: what each of several players adds, on average over all orders of joining."""

from itertools import combinations
from math import comb, factorial


def shapley_values(values):
    r"""Share what all players reach together out among them.

        phi_m = sum over S without m of |S|! (n - |S| - 1)! / n! (v(S + m) - v(S))

    They add up to v(all) - v(none).

    Reference: Shapley, "A Value for n-Person Games", 1953.

    Args:
        values: dict of `frozenset` of names to array or tensor, v(S), for every subset S of the
            players, the empty one too.

    Returns:
        Dict of name to array like those of `values`, in the order of the names.

    Raises:
        ValueError: when a subset is missing.

    Example:

    >>> v = {"": 1.0, "a": 2.0, "b": 3.0, "ab": 8.0}
    >>> shapley_values({frozenset(s): x for s, x in v.items()})
    {'a': 3.0, 'b': 4.0}
    """
    players = sorted(max(values, key=len, default=()))
    n = len(players)
    if len(values) != 2**n or not all(subset <= set(players) for subset in values):
        raise ValueError(
            f"expected the values of all {2**n} subsets of {players}, the empty one too. "
            f"Received: {[sorted(subset) for subset in values]}"
        )
    shares = {}
    for m in players:
        shares[m] = sum(
            factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
            * (values[subset | {m}] - values[subset])
            for subset in values
            if m not in subset
        )  # fmt: skip
    return shares


def coalitions(players):
    """List the coalitions that are neither empty nor whole, small ones first.

    Example:

    >>> coalitions(["a", "b"])
    [frozenset({'a'}), frozenset({'b'})]
    """
    sizes = range(1, len(players))
    return [frozenset(members) for n in sizes for members in combinations(players, n)]


def coalition_coefficients(weights, players):
    r"""Say how much of each coalition's value is in a weighted sum of Shapley values.

        sum_m kappa_m phi_m = sum_S c_S v(S)      with v(none) = 0
        c_all = mean_m kappa_m
        c_S   = (mean_{m in S} kappa_m - mean_{m not in S} kappa_m) / binomial(n, |S|)

    Means are taken of kappa_m - kappa_1, so that equal weights give exactly that weight to all
    players together and exactly 0 to every other coalition.

    Args:
        weights: tensor `(n,)`, kappa in the order of `players`.
        players: list of names.

    Returns:
        Dict of `frozenset` of names to scalar tensor, for every coalition but the empty one.

    Example:

    >>> c = coalition_coefficients(ops.array([3.0, 1.0]), ["a", "b"])
    >>> [float(c[frozenset(s)]) for s in ("ab", "a", "b")]
    [2.0, 1.0, -1.0]
    """
    n = len(players)
    excess = {m: weights[i] - weights[0] for i, m in enumerate(players)}

    def mean(members):
        return sum(excess[m] for m in members) / len(members)

    found = {frozenset(players): weights[0] + mean(players)}
    for inside in coalitions(players):
        outside = [m for m in players if m not in inside]
        found[inside] = (mean(inside) - mean(outside)) / comb(n, len(inside))
    return found
