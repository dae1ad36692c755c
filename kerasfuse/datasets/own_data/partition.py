"""Divide samples into parts of given sizes: alike in their labels, no group in two of them."""

import numpy as np

# Numbers are sorted into so many strata; more different whole labels than this are numbers.
_STRATA = 10
_MOST_CLASSES = 20


def partition(labels, shares, groups=None, seed=0):
    """Say which part each sample belongs to.

    Groups, or samples where there are none, are dealt out one by one, large ones first, each to the
    part that it brings nearest to its share of every stratum. A stratum is a class, a label that is
    present, or a tenth of the range of a number by rank.

    Args:
        labels: array `(samples, ...)`.
        shares: list of the share of each part; they add up to 1.
        groups: one name a sample, such as its speaker, whose samples stay together; or `None`.
        seed: seed of the order among equals.

    Returns:
        Integer array `(samples,)` of positions in `shares`.

    Raises:
        ValueError: for fewer groups than parts.

    Example:

    >>> partition(np.array([0, 0, 1, 1]), [0.5, 0.5]).tolist()   # a sample of each class in each
    """
    strata = _strata(np.asarray(labels, float).reshape(len(labels), -1))
    names = np.arange(len(labels)) if groups is None else np.asarray(groups, str)
    different, member = np.unique(names, return_inverse=True)
    if len(different) < len(shares):
        what = "samples" if groups is None else "groups"
        raise ValueError(
            f"expected at least {len(shares)} {what}, one for each part. Received: {len(different)}"
        )
    content = np.zeros((len(different), strata.shape[1]))
    np.add.at(content, member, strata)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(different))
    # Rare strata among large groups first: they have the fewest places to go.
    rarity = (content / strata.sum(axis=0)).sum(axis=1)
    order = shuffled[np.argsort(-rarity[shuffled], kind="stable")]
    total = strata.sum(axis=0)
    wanted = np.asarray(shares)[:, None] * total
    filled = np.zeros_like(wanted)
    part = np.zeros(len(different), int)
    weight = 1.0 / np.maximum(wanted, 1e-9)
    weight[:, -1] *= strata.shape[1]  # sizes count as much as all strata together
    for group in order:
        added = content[group]
        # What the squared distance to the wanted content grows by.
        cost = (weight * added * (2 * (filled - wanted) + added)).sum(axis=1)
        chosen = int(np.argmin(cost))
        filled[chosen] += added
        part[group] = chosen
    _fill_empty(part, content, len(shares))
    return part[member]


def _fill_empty(part, content, count):
    """Give a part that got nothing the smallest group of the part with the most of them."""
    for empty in range(count):
        if not (part == empty).any():
            largest = np.bincount(part, minlength=count).argmax()
            members = np.flatnonzero(part == largest)
            part[members[content[members].sum(axis=1).argmin()]] = empty


def _strata(labels):
    """Return which strata each sample is in, `(samples, strata)`; the last one is that of all."""
    everything = np.ones((len(labels), 1))
    if labels.shape[1] > 1:
        if np.isin(labels, (0, 1)).all():
            return np.concatenate([labels[:, labels.any(axis=0)], everything], axis=1)
        spread = labels.std(axis=0)
        labels = ((labels - labels.mean(axis=0)) / np.where(spread > 0, spread, 1)).sum(axis=1)
    values, place = np.unique(labels.reshape(-1), return_inverse=True)
    if len(values) > _MOST_CLASSES or (values != np.round(values)).any():
        rank = np.argsort(np.argsort(labels.reshape(-1), kind="stable"), kind="stable")
        place = rank * min(_STRATA, len(labels)) // len(labels)
    found = np.eye(place.max() + 1)[place]
    return np.concatenate([found, everything], axis=1)
