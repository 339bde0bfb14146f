"""Spans in text: words, the signs they carry, tags, how sure each span is, and what its words are worth as a value."""
