"""Shapley values: what each of several players adds, on average over all orders of joining."""

from math import factorial


def shapley_values(worth):
    r"""Share what all players reach together out among them.

        phi_m = sum over S without m of |S|! (n - |S| - 1)! / n! (v(S + m) - v(S))

    They add up to v(all) - v(none).

    Reference: Shapley, "A Value for n-Person Games", 1953.

    Args:
        worth: dict of `frozenset` of names to array or tensor, v(S), for every subset S of the
            players, the empty one too.

    Returns:
        Dict of name to array like those of `worth`, in the order of the names.

    Raises:
        ValueError: when a subset is missing.

    Example:

    >>> v = {"": 1.0, "a": 2.0, "b": 3.0, "ab": 8.0}
    >>> shapley_values({frozenset(s): x for s, x in v.items()})
    {'a': 3.0, 'b': 4.0}
    """
    players = sorted(max(worth, key=len, default=()))
    n = len(players)
    if len(worth) != 2**n or not all(subset <= set(players) for subset in worth):
        raise ValueError(
            f"expected the worth of all {2**n} subsets of {players}, the empty one too. "
            f"Received: {[sorted(subset) for subset in worth]}"
        )
    values = {}
    for m in players:
        values[m] = sum(
            factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
            * (worth[subset | {m}] - worth[subset])
            for subset in worth
            if m not in subset
        )  # fmt: skip
    return values
