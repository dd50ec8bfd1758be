"""The engine `analytic`: the timing of a run in closed form, without simulation."""
