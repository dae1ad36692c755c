"""Versions of what extractors give; a new one wherever numbers would be others."""

EXTRACTORS = {"log_mel": "1", "prosody": "1", "face": "1", "words": "1"}
