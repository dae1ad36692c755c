"""What a comparison found: one table, and a picture of it."""

import dataclasses
import os
import platform
from typing import Any

from kerasfuse import backend, zoo
from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure
from kerasfuse.metrics.conventions import format_value, in_percent, lower_is_better
from kerasfuse.recipes.seeds import mean_and_sd
from kerasfuse.recipes.tasks.floors import Floor
from kerasfuse.tables import markdown
from kerasfuse.zoo.readme import write_between


@dataclasses.dataclass(frozen=True)
class Row:
    """Hold what a comparison found of one model.

    Args:
        name: the entry's name.
        per_seed: dict of seed to test score.
        parameters: number of weights.
        multiply_adds: of one sample of the test set's mean lengths.
        training_speed: samples a second of training, measured here.
        inference_speed: samples of the test set a second.
        p_value: of a paired test over the seeds in common with the best row; `None` for the best,
            and where fewer than two seeds are in common.
        of_modalities: dict of metric to the test score of each seed, of what a recipe that balances
            its modalities finds of each of them.
        is_recorded: whether the scores are those that the entry records.
        trials: how many trials chose the settings, if they were searched for.
    """

    name: str
    per_seed: dict[int, float]
    parameters: int
    multiply_adds: int
    training_speed: float
    inference_speed: float
    p_value: float | None = None
    of_modalities: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    is_recorded: bool = False
    trials: int = 0

    @property
    def numbers(self) -> dict[str, float]:
        """The mean of the scores and, for more than one seed, their sd."""
        return mean_and_sd(list(self.per_seed.values()))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Hold the rows of a comparison, best first.

    Args:
        metric: name of the metric that is compared, on the test split.
        data: name of the data set.
        rows: list of `Row`.
        steps: dict of modality name to the steps that multiply-adds are counted for; images have
            none.
        floor: what a linear model of averaged features scores, a `Floor`, where there is one.
    """

    metric: str
    data: str
    rows: list[Row]
    steps: dict[str, int]
    floor: Floor | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        costs = ("parameters", "multiply-adds", "train/s", "predict/s")
        return ("model", "test score", "p", *self._of_modalities, *costs)

    @property
    def _of_modalities(self):
        """The metrics of single modalities that every row has."""
        first, *others = self.rows
        return [m for m in first.of_modalities if all(m in row.of_modalities for row in others)]

    def table(self) -> list[tuple[str, ...]]:
        """Return the table as a list of tuples of text, one a row, in the order of `columns`.

        The last row is the floor.
        """
        found = [
            (
                row.name,
                zoo.spread(self.metric, row.numbers),
                "-" if row.p_value is None else f"{row.p_value:.3f}",
                *[zoo.spread(m, mean_and_sd(row.of_modalities[m])) for m in self._of_modalities],
                f"{row.parameters:,}",
                f"{row.multiply_adds / 1e6:,.2f} M",
                f"{row.training_speed:,.0f}",
                f"{row.inference_speed:,.0f}",
            )
            for row in self.rows
        ]
        if self.floor is not None:
            score = format_value(self.metric, self.floor.score)
            size = f"{self.floor.parameters:,}"
            size_m = f"{self.floor.parameters / 1e6:,.2f} M"
            nothing = ["-"] * len(self._of_modalities)
            found.append((self.floor.name, score, "-", *nothing, size, size_m, "-", "-"))
        return found

    def above_floor(self) -> list[str]:
        """Name the models whose mean test score is better than the floor's, best first."""
        if self.floor is None:
            return [row.name for row in self.rows]
        sign = -1 if lower_is_better(self.metric) else 1
        return [
            row.name for row in self.rows if sign * row.numbers["mean"] > sign * self.floor.score
        ]

    def markdown(self) -> str:
        """Return the table as markdown, with names of models in code style."""
        models = {row.name for row in self.rows}
        rows = [(f"`{n}`" if n in models else n, *rest) for n, *rest in self.table()]
        return markdown(self.columns, rows)

    _repr_markdown_ = markdown

    def update_readme(self, path: str | os.PathLike[str]) -> None:
        """Write the table into a markdown file, between the marks of its data set.

        Raises:
            ValueError: when the file lacks `<!-- compare DATA:begin -->` and `:end`.
        """
        write_between(path, f"compare {self.data}", f"{self.markdown()}\n\n{self.caption()}")

    def caption(self) -> str:
        """Say what the columns are."""
        found = (
            f"Test {self.metric}, mean and standard deviation over seeds; p of a paired test with "
            "the first row over the seeds in common; "
        )
        if self._of_modalities:
            found += (
                f"{self.metric}_m is the {self.metric} of the share of modality m (the paper's "
                "Acc_m), strength_m the competition strength d_m; "
            )
        steps = ", ".join(f"{name} {count}" for name, count in self.steps.items())
        if budgets := {row.trials for row in self.rows if row.trials}:
            found += (
                f"settings of each model chosen on validation by {budgets.pop()} trials of one "
                "seed; "
            )
        return found + (
            f"multiply-adds of one sample{f' of {steps} steps' if steps else ''}; samples a second "
            f"on {platform.machine()} with {os.cpu_count()} cores, {backend.name()}."
            f"{self._floor_told()}"
        )

    def _floor_told(self):
        if self.floor is None:
            return ""
        above = self.above_floor()
        told = f" {self.floor.name}: of each feature's mean, its penalty chosen on validation; "
        if not above:
            return f"{told}no model here is above it: these features say as much without fusion."
        if len(above) == len(self.rows):
            return f"{told}every model here is above it."
        return f"{told}above it: {', '.join(above)}."

    def figure(self) -> Any:
        """Draw the scores of every seed, their means and their standard deviations.

        Returns:
            A `matplotlib.figure.Figure`; `figure.savefig("comparison.svg")` writes it.

        Raises:
            ImportError: matplotlib is missing.
        """
        height = 1.5 + 0.4 * len(self.rows)
        figure = new_figure("Comparison.figure", 8.0, height)
        axes = figure.subplots()
        # In percent what the table prints in percent.
        is_share = in_percent(self.metric)
        scale = 100 if is_share else 1
        for place, row in enumerate(self.rows):
            seeds = [scale * value for value in row.per_seed.values()]
            mean, sd = (scale * row.numbers.get(name, 0.0) for name in ("mean", "sd"))
            (ticks,) = axes.plot(seeds, [place] * len(seeds), "|", color=MUTED)
            dot = axes.errorbar(mean, place, xerr=sd or None, fmt="o", color=COLOURS[0])
        axes.set_yticks(range(len(self.rows)), [row.name for row in self.rows])
        axes.set_ylim(len(self.rows) - 0.5, -0.5)
        unit = ", %" if is_share else ""
        axes.set_xlabel(f"{self.metric} on the test split of {self.data}{unit}", color=INK)
        figure.legend(
            [ticks, dot],
            ["one seed", "mean and standard deviation"],
            loc="outside lower center",
            ncols=2,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
        )
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        return figure
