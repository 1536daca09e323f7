"""Customer search: text folding, the search index, and ranking."""
