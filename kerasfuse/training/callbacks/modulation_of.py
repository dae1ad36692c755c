"""Find the strategy of a modulated model."""


def strategy_of(model):
    """Return the strategy of `model`.

    Raises:
        ValueError: when it is not a `Modulated`.
    """
    # Not by class: the strategies stand a floor above, and this has all that is asked of it.
    strategy = getattr(model, "strategy", None)
    if not hasattr(strategy, "coefficients"):
        raise ValueError(
            "expected a model wrapped as kerasfuse.training.Modulated(model, strategy). "
            f"Received: {model.name!r}, a {type(model).__name__}"
        )
    return strategy
