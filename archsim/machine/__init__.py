"""The SimPy machine behind engines `burst` and `column`: its components, their ports, and their assembly."""
