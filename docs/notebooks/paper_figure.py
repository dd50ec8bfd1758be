# %% [markdown]
# # A figure of a paper: what pruned states gain on SKIP's accelerator
# SKIP (Ardakani, Ji and Gross, 2018) skips the weight columns of state elements that are zero in all sequences of a
# batch. Its speed-up over dense processing depends on the share of zeros and on how many sequences run side by side,
# since the zeros of several sequences seldom coincide. This draws the curves for a layer of 1,000 units, from traces
# with random zeros (marked synthetic wherever they are shown), and a network of 512 units that was really trained and
# pruned beside them. It takes about ten seconds.

# %%
import pandas as pd
import plotly.graph_objects as go

import archsim
import workloads

SPARSITIES = [0.0, 0.25, 0.5, 0.75, 0.9, 0.97]
LANES = [1, 4, 8]


def speed_up(trace: archsim.Trace, lanes: int) -> float:
    """Over the same run with skipping switched off, on as many lanes."""
    return archsim.simulate("skip-65nm", trace, "analytic", lanes=lanes).speedup_same_lanes


# %% [markdown]
# Random zeros, independent between sequences:

# %%
rows = []
for sparsity in SPARSITIES:
    trace = archsim.synthesize(hidden=1000, inputs=50, density=1 - sparsity, sequences=8, steps=10)
    rows += [{"sparsity": sparsity, "lanes": lanes, "speed_up": speed_up(trace, lanes)} for lanes in LANES]
drawn = pd.DataFrame(rows)
print(drawn.pivot(index="sparsity", columns="lanes", values="speed_up").round(2))

# %% [markdown]
# Trained networks: their zeros lie where training put them, and coincide more often than random ones.

# %%
trained = []
for name in ("wp-lstm512-ternary", "wp-lstm512-ternary-s50", "wp-lstm512-ternary-s80", "wp-lstm512-ternary-s95"):
    trace = workloads.record_trace(name, sequences=8, steps=50)
    sparsity = float(trace.header.provenance["state_sparsity"])
    trained += [
        {"model": name, "sparsity": sparsity, "lanes": lanes, "speed_up": speed_up(trace, lanes)} for lanes in LANES
    ]
measured = pd.DataFrame(trained)
print(measured.round(3))

# %%
figure = go.Figure()
for lanes in LANES:
    curve, points = (table[table["lanes"] == lanes] for table in (drawn, measured))
    figure.add_scatter(x=curve["sparsity"], y=curve["speed_up"], name=f"{lanes} lanes, random zeros")
    figure.add_scatter(x=points["sparsity"], y=points["speed_up"], mode="markers", name=f"{lanes} lanes, trained")
figure.update_layout(
    title="Speed-up of skipping on skip-65nm",
    xaxis_title="share of zeros in the state of one sequence",
    yaxis_title="speed-up over the same lanes without skipping",
)
