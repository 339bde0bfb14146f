"""Values to vectors; shared by domains."""
