"""Units: features standardised on their way in, outputs brought back on their way out."""
