"""One store's read on its way in: staged, compared, published, with the lease and the coverage of each snapshot."""
