"""What an entry ships: its weights, stored small, and what is measured of them."""
