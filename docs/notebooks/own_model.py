# %% [markdown]
# # From a model to its front
# A GRU is made and trained on noisy waves in PyTorch, then imported, put in integers of several widths, and searched:
# which accelerators are worth building for it, in accuracy, area and energy? It takes about half a minute.

# %%
import numpy as np
import torch

import archsim
import dse
import workloads

rng = np.random.default_rng(0)
frequency = rng.uniform(0.2, 1.4, 400)
angle = frequency[:, None] * np.arange(16) + rng.uniform(0, 2 * np.pi, (400, 1))
waves = (np.stack([np.sin(angle), np.cos(angle)], -1) + 0.4 * rng.standard_normal((400, 16, 2))).astype(np.float32)

# %% [markdown]
# The network predicts the frequency of a wave from its last state.


# %%
class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(2, 12, batch_first=True)
        self.fc = torch.nn.Linear(12, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.gru(x)[0][:, -1])
        return out


torch.manual_seed(0)
net = Net()
optimiser = torch.optim.Adam(net.parameters(), 0.02)
inputs, targets = torch.from_numpy(waves[:240]), torch.from_numpy(frequency[:240].astype(np.float32))
for _ in range(80):
    optimiser.zero_grad()
    loss = (net(inputs)[:, 0] - targets).square().mean()
    loss.backward()
    optimiser.step()
torch.save(net.state_dict(), "gru.pt")

# %% [markdown]
# A task names the data, their splits and the metric. The arrays may lie in files or be given as they are; here they are
# put into a file, since a search measures in processes of their own.

# %%
np.savez("waves.npz", x=waves, y=frequency)
task = workloads.own_task(
    "regression",
    "waves.npz",
    inputs="x",
    targets="y",
    layout="sequences, steps, features",
    splits={"by": "position", "shares": [0.6, 0.2, 0.2]},
)
task.save("task.toml")
model = workloads.import_model("gru.pt", choices=workloads.Choices(when="last_step")).with_task("task.toml")
model.save("mine.safetensors")
print(f"float: {workloads.accuracy(model):.4f} root mean squared error on the test split")

# %% [markdown]
# In integers, without training again:

# %%
for bits in (2, 3, 4, 8):
    small = workloads.quantize(model, weight_bits=bits, activation_bits=8)
    print(f"{bits}-bit weights, 8-bit states: {workloads.accuracy(small):.4f}, {small.weight_bytes:,} bytes")

# %% [markdown]
# One design, and a sweep of two of its parameters:

# %%
trace = workloads.record_trace(workloads.quantize(model, weight_bits=4, activation_bits=8), sequences=8)
print(archsim.simulate("edge-8pe", trace).to_frame().T)
swept = archsim.sweep("edge-8pe", trace, {"pe_array.tiles": [1, 2, 4], "clock_mhz": [50, 100, 200]})
print(swept.front(["latency_us_per_step", "area_mm2"]))

# %% [markdown]
# The search, with the accuracy of each width measured on the data above:

# %%
entry = {"name": "mine.safetensors", "ptq": {"weights": [2, 3, 4, 8], "activations": [4, 8]}}
found = dse.search("own", "front", models=[entry])
print(found.front()[["model", *found.space.objectives]])
figure = found.plot()
