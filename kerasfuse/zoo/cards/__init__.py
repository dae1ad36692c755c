"""The card of an entry, section by section."""
