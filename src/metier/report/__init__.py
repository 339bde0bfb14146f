"""Figures to pages: plots, HTML and JSON."""
