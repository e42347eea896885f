#!/usr/bin/env python3
"""Writes torch_mlp.json: what PyTorch makes of networks with layer norm and with dropout.

    python3 model/testdata/reference_mlp.py      # with torch and numpy, any version from 1.13

The data is that of torch.json. Layer norm stands between a linear layer without bias and the activation, as in
Ba, Kiros and Hinton 2016, equation 4. Dropout multiplies by masks that are made here from the generator's
description (SplitMix64), so that both sides leave the same units out; losses are those without dropout, before
the update.
"""

import json
import pathlib
import platform

import numpy
import torch

HERE = pathlib.Path(__file__).parent
DATA = json.loads((HERE / "torch.json").read_text())["data"]
X = torch.tensor(numpy.array(DATA["x"], dtype=numpy.float32))
BINARY, CLASSES = torch.tensor(DATA["binary"]), torch.tensor(DATA["classes"])
UPDATES, ROWS, WIDTH = 100, X.shape[0], X.shape[1]
WORD = (1 << 64) - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def masks(seed, share, hidden, event):
    """The factors of every hidden layer's units for one event."""
    draws = sum((units + 1) // 2 for units in hidden)
    at, found = mix(seed ^ 0x64726F70) + event * draws * 0x9E3779B97F4A7C15, []
    for units in hidden:
        bits = []
        for _ in range((units + 1) // 2):
            z = mix(at & WORD)
            bits += [z & 0xFFFFFFFF, z >> 32]
            at += 0x9E3779B97F4A7C15
        found.append(torch.tensor([0.0 if b < int(share * 2**32) else 1 / (1 - share) for b in bits[:units]]))
    return found


class Net(torch.nn.Module):
    def __init__(self, spec, outputs):
        super().__init__()
        torch.manual_seed(12)
        widths = [WIDTH, *spec["hidden"]]
        norm = spec.get("norm") == "layer"
        self.linears = torch.nn.ModuleList(
            torch.nn.Linear(a, b, bias=not norm) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(b) for b in widths[1:]) if norm else None
        self.last = torch.nn.Linear(widths[-1], outputs)
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[spec["activation"]]

    def forward(self, x, factors=None):
        for i, linear in enumerate(self.linears):
            x = linear(x)
            if self.norms:
                x = self.norms[i](x)
            x = self.activation(x)
            if factors is not None:
                x = x * factors[i]
        return self.last(x)

    def tensors(self):
        found = {}
        for i, layer in enumerate([*self.linears, self.last]):
            found[f"layers.{i}.weight"] = layer.weight.T
            if layer.bias is not None:
                found[f"layers.{i}.bias"] = layer.bias
        for i, norm in enumerate(self.norms or []):
            found[f"layers.{i}.bias"], found[f"layers.{i}.gain"] = norm.bias, norm.weight
        return {k: short(v.detach().numpy()) for k, v in found.items()}


def short(values):
    """Nine digits hold every float32 exactly."""
    return [float(f"{v:.9g}") for v in numpy.asarray(values, dtype=numpy.float64).ravel()]


def run(name, spec, classes):
    net, batch, rule = Net(spec, classes), spec.get("batch", 1), spec["optimizer"]
    if net.norms:
        with torch.no_grad():  # gains and biases that differ, so that none is mistaken for another
            for norm in net.norms:
                norm.weight.add_(0.3 * torch.randn(norm.weight.shape))
                norm.bias.add_(0.3 * torch.randn(norm.bias.shape))
    weights = [m.weight for m in [*net.linears, net.last]]
    others = [p for p in net.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "weight_decay": spec.get("l2", 0.0)}, {"params": others, "weight_decay": 0.0}]
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
    optimizer = kinds[rule["type"]](groups, lr=rule["rate"])
    first, losses = net.tensors(), []
    labels = BINARY if classes == 2 else CLASSES
    for update in range(UPDATES):
        optimizer.zero_grad()
        whole = 0.0
        for i in range(batch):
            event = update * batch + i
            x, y = X[event % ROWS : event % ROWS + 1], labels[event % ROWS : event % ROWS + 1]
            with torch.no_grad():
                whole += float(torch.nn.functional.cross_entropy(net(x), y)) / batch
            factors = masks(spec["seed"], spec["dropout"], spec["hidden"], event) if "dropout" in spec else None
            (torch.nn.functional.cross_entropy(net(x, factors), y) / batch).backward()
        if "clip" in spec:
            torch.nn.utils.clip_grad_norm_(net.parameters(), spec["clip"])
        optimizer.step()
        losses.append(whole)
    return {"name": name, "spec": spec, "classes": classes, "first": first, "last": net.tensors(), "losses": short(losses)}


def runs():
    sgd, adam, rmsprop = ({"type": t, "rate": r} for t, r in (("sgd", 0.02), ("adam", 0.01), ("rmsprop", 0.005)))
    base = {"type": "mlp", "hidden": [7, 5], "loss": "cross_entropy"}
    norm = base | {"norm": "layer"}
    yield run("norm-sgd", norm | {"activation": "tanh", "optimizer": sgd}, 3)
    yield run("norm-adam-batch8-l2-clip", norm | {"activation": "tanh", "optimizer": adam, "batch": 8, "l2": 0.01, "clip": 0.3}, 3)
    yield run("norm-rmsprop-clip", norm | {"activation": "relu", "optimizer": rmsprop, "clip": 0.5}, 2)
    yield run("dropout-sgd", base | {"activation": "relu", "optimizer": sgd, "dropout": 0.3, "seed": 77}, 3)
    yield run("dropout-adam-batch4", base | {"activation": "tanh", "optimizer": adam, "batch": 4, "dropout": 0.5, "seed": 5}, 2)
    yield run("norm-dropout-adam", norm | {"activation": "relu", "optimizer": adam, "dropout": 0.2, "seed": 6}, 3)


torch.set_num_threads(1)
versions = {"python": platform.python_version(), "numpy": numpy.__version__, "torch": torch.__version__}
parts = [json.dumps(r, separators=(",", ":")) for r in runs()]
head = json.dumps({"made_by": "reference_mlp.py", "versions": versions, "data": DATA}, separators=(",", ":"))
(HERE / "torch_mlp.json").write_text(head[:-1] + ',"runs":[\n' + ",\n".join(parts) + "\n]}\n")
