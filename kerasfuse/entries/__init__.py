"""What an entry is: model, data, recipe and weights as one checked object."""
