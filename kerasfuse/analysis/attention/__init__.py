"""How a model attends from one modality to another, and whether that matters to it."""
