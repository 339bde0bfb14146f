"""What is asked of a cell: one file for each task, found by listing this folder."""
