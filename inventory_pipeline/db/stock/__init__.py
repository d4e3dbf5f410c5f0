"""Stock as people read it: now, as of a past instant, and how it went."""
