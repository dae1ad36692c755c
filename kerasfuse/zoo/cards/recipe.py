"""The recipe on a card."""


def recipe_lines(recipe):
    """Return the lines of a card that tell how the model is trained."""
    folds = f"; each on the folds {', '.join(map(str, recipe.folds))}" if recipe.folds else ""
    return [
        f"- Loss: {recipe.loss}",
        f"- Optimizer: {_optimizer(recipe)}, learning rate {recipe.learning_rate:g}, "
        f"{_schedule(recipe)}; gradient norm at most {recipe.clip_norm:g}",
        f"- Batch {recipe.batch_size}; at most {recipe.epochs} epochs, stops after "
        f"{recipe.early_stopping} without improvement",
        f"- Weights of the epoch with the best `{recipe.monitor}`",
        f"- Seeds: {', '.join(map(str, recipe.seeds))}{folds}",
        *_gate_search_lines(recipe),
        *_companions_lines(recipe),
        *_modulation_lines(recipe),
    ]


def arguments_text(arguments):
    """Write keyword arguments as Python does."""
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def _optimizer(recipe):
    settings = {"momentum": recipe.momentum, "weight decay": recipe.weight_decay}
    return ", ".join(
        [recipe.optimizer, *(f"{name} {value:g}" for name, value in settings.items() if value)]
    )


def _schedule(recipe):
    if recipe.warmup_epochs is None:
        return (
            f"times {recipe.plateau_factor:g} after {recipe.plateau_patience} epochs without a "
            "better one"
        )
    return f"reached after {recipe.warmup_epochs} epochs from 0, then down to 0 at the end"


def _companions_lines(recipe):
    if recipe.companions is None:
        return []
    return [
        "- Each training sample brings six companions along, chosen anew every "
        f"{recipe.companions['refresh']} epochs"
    ]


def _gate_search_lines(recipe):
    if recipe.gate_search is None:
        return []
    return [
        "- Before that: a search for the primary modality, batch "
        f"{recipe.gate_search['batch_size']}, until the gate rests, at most "
        f"{recipe.gate_search['epochs']} epochs; its choice is frozen and all else starts anew"
    ]


def _modulation_lines(recipe):
    if recipe.modulation is None:
        return []
    strategy = recipe.modulation.get("strategy")
    arguments = {key: value for key, value in recipe.modulation.items() if key != "strategy"}
    balanced = f"`{strategy}({arguments_text(arguments)})`" if strategy else "nothing"
    concepts = ""
    if recipe.concepts is not None:
        concepts = (
            "; `strength_m` is the competition strength d_m against a network of m alone, "
            f"`{recipe.score}_concept_m`, trained for {recipe.concepts['epochs']} epochs"
        )
    return [
        f"- Modalities balanced by {balanced}; `{recipe.score}_m` is the score of the share of "
        f"modality m{concepts}"
    ]
