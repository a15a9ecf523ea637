"""simserver."""
