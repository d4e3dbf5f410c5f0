"""Reading stock: now, as of a past instant, and over time."""
