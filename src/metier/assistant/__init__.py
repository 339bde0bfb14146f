"""An assistant made of specialists: what its author writes, the turn that follows from it, and what is kept of it."""
