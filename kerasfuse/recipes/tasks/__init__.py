"""From any data to a recipe: the task that the labels set, and a model to begin with."""
