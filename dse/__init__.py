"""The search: the only package where networks and hardware meet."""
