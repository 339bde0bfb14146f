"""Scores to decisions: calibration, scope, exits, promises, candidates."""
