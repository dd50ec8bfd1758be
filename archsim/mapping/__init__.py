"""The mapping of a network onto a design: the plan that every engine reads, and the work that a trace asks of it."""
