"""One file for each way in which clients speak; each exposes `PROTOCOL`."""
