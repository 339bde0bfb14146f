"""Vectors to scores: one file for each kind of head."""
