"""Analyses of designs and runs: stalls, timelines, rooflines, scenarios, differences, cost sources and validation."""
