"""Numbers of several seeds: their mean and spread, and those of two runs as one."""

import numpy as np

# What seeds must share for their mean to mean something.
SHARED = ("backend", "versions", "data_sha256", "parameters")


def mean_and_sd(values):
    """Return a dict of `mean` and `sd`, which divides by n - 1 and is absent for one value."""
    found = {"mean": float(np.mean(values))}
    if len(values) > 1:
        found["sd"] = float(np.std(values, ddof=1))
    return found


def check_shared(results, wanted, seed):
    """Raise a ValueError unless what must be shared is the same in two dicts.

    Args:
        results: of `seed`.
        wanted: what `results` has to agree with.
        seed: for the message, the seed or seeds of `results`.
    """
    for key in SHARED:
        if results[key] != wanted[key]:
            raise ValueError(
                f"expected seeds that share their {key}. Received: {results[key]!r} for seed "
                f"{seed}, {wanted[key]!r} for the others."
            )


def joined(recorded, found):
    """Return what is recorded and what another run found as the results of all their seeds.

    A seed that both have is that of the other run.

    Args:
        recorded, found: dicts as [results] of an entry holds them, or one of its rows.

    Raises:
        ValueError: for seeds on different data, versions or backends, or with other settings.
    """
    check_shared(found, recorded, ", ".join(map(str, found["seeds"])))
    if found.get("settings") != recorded.get("settings"):
        raise ValueError(
            f"expected a run with the settings of the row, {recorded['settings']}. "
            f"Received: {found['settings']}."
        )
    places = {seed: (side, i) for side in (recorded, found) for i, seed in enumerate(side["seeds"])}
    seeds = sorted(places)
    results = {**recorded, **found, "seeds": seeds}
    for split in ("validation", "test"):
        results[split] = {}
        for metric, numbers in found[split].items():
            if metric not in recorded[split]:  # measured since: of the seeds before nobody knows
                continue
            sides = [(side[split][metric]["per_seed"], i) for side, i in map(places.get, seeds)]
            values = [per_seed[i] for per_seed, i in sides]
            spread = {key: round(x, 6) for key, x in mean_and_sd(values).items()}
            # A baseline is the data's, and the same for both.
            results[split][metric] = {**numbers, "per_seed": values, **spread}
    if "primary" in found:
        # One choice a seed, or one for each fold of a seed.
        each = len(found["primary"]) // len(found["seeds"])
        results["primary"] = [
            choice
            for side, i in map(places.get, seeds)
            for choice in side["primary"][i * each : (i + 1) * each]
        ]
    return results
