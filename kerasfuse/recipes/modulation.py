"""Recipes that balance the modalities of their model, and score each of them."""

import keras

from kerasfuse import analysis, metrics
from kerasfuse.entries.recipe import make_strategy
from kerasfuse.recipes.scoring import compile_model
from kerasfuse.training import Modulated
from kerasfuse.training.callbacks import ModulationHistory
from kerasfuse.training.saving import save_weights


def balanced(model, modulation):
    """Wrap a model in the strategy of a recipe; without one it is returned as it is."""
    return Modulated(model, make_strategy(modulation)) if modulation else model


def histories(modulation):
    """Give the callbacks that log what a strategy does."""
    return [ModulationHistory()] if modulation else []


def score_modalities(model, entry, splits, folder, seed, verbose="auto"):
    """Score each modality of a trained model, and the competition against it.

    For each modality m, on validation and test: the entry's score of its Shapley share, as
    `accuracy_m` (see `kerasfuse.analysis.shares`). With `concepts` in the recipe, on test:
    `strength_m`, the competition strength (see `kerasfuse.analysis.competition_strength`), whose
    ridge regression is fitted on validation. The concepts are trained with the recipe's loss,
    optimizer and batches, from the seed's random numbers, and kept in the folder of the seed: every
    strategy for a model is measured by the same.

    Args:
        model: the trained model.
        entry: an `Entry` whose recipe has a `modulation`.
        splits: dict of split to `Batches`.
        folder: folder of the seed.
        seed: whole number.
        verbose: as in `keras.Model.fit`.

    Returns:
        Dict of split to dict of name to value.
    """
    recipe = entry.recipe
    found = {}
    for split in ("validation", "test"):
        labels = splits[split].labels
        found[split] = {
            f"{recipe.score}_{m}": metrics.evaluate(recipe.make_metrics(), labels, share)[
                recipe.score
            ]
            for m, share in analysis.shares(model, splits[split]).items()
        }
    if recipe.concepts is not None:
        concepts = {
            m: _concept(model, m, entry, splits["train"], folder, seed, verbose)
            for m in model.modalities
        }
        strengths = analysis.competition_strength(
            model, concepts, splits["validation"], splits["test"]
        )
        for m, concept in concepts.items():
            alone = concept.evaluate(splits["test"], return_dict=True, verbose=0)
            found["test"][f"strength_{m}"] = strengths[m]
            found["test"][f"{recipe.score}_concept_{m}"] = float(alone[recipe.score])
    return found


def of_modalities(score, model):
    """Give the names of what `score_modalities` finds of single modalities, beside the concepts."""
    return [f"{what}_{m}" for what in (score, "strength") for m in model.modalities]


def _concept(model, modality, entry, train, folder, seed, verbose):
    path = folder / f"concept_{modality}.weights.h5"
    # Whatever random numbers the strategy took.
    keras.utils.set_random_seed(seed)
    concept = analysis.MonoModalConcept(model, modality)
    compile_model(concept, entry)
    if path.exists():
        concept.load_weights(path)
        return concept
    train.epoch = 0
    concept.fit(train, epochs=entry.recipe.concepts["epochs"], shuffle=False, verbose=verbose)
    save_weights(concept, path)
    return concept
