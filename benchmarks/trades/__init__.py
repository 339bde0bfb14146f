"""Each trade beside the usual baselines of its field, on the same rows in the same run: one file a domain."""
