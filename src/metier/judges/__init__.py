"""Predictions against their truths, for tasks whose answers are not one label: a file for each."""
