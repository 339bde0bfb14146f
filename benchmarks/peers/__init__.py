"""The text classifiers that are compared, one file each; `base` lists them."""
