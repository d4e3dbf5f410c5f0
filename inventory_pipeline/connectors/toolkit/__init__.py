"""What platforms have in common: each part here is used by at least one of them, and none knows any of them."""
