"""Questions to the passages that answer them."""
