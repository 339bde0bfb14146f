"""What a cell means: one file for each domain, found by listing this folder."""
