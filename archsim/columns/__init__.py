"""Many designs at once, as columns of codes, and what depends on a design alone, computed once for each reading."""
