#!/usr/bin/env python3
"""Writes torch_batch.json: what PyTorch makes of networks that learn in mini-batches of 64.

    python3 model/testdata/reference_batch.py      # with torch and numpy, any version from 1.13

Layers are of widths that products of matrices treat differently: whole tiles of 64, single vectors and what is left
over. Losses are means over the mini-batch, before its update; weights are those after the last one.
"""

import json
import pathlib
import platform

import numpy
import torch

HERE = pathlib.Path(__file__).parent
WIDTH, ROWS, UPDATES, BATCH, CLASSES = 12, 192, 60, 64, 10


def short(values):
    """Nine digits hold every float32 exactly."""
    return [float(f"{v:.9g}") for v in numpy.asarray(values, dtype=numpy.float64).ravel()]


def stream():
    """Features rounded to two digits, so that the file is small and exact in float32 too."""
    random = numpy.random.default_rng(64)
    x = random.normal(size=(ROWS, WIDTH)).round(2)
    hidden = numpy.tanh(x @ random.normal(size=(WIDTH, 6)))
    scores = hidden @ random.normal(size=(6, CLASSES)) + 0.3 * random.normal(size=(ROWS, CLASSES))
    return x.astype(numpy.float32), (scores[:, 0] > 0).astype(int), scores.argmax(axis=1)


X, BINARY, MANY = stream()


def tensors(layers):
    found = {}
    for i, layer in enumerate(layers):
        found[f"layers.{i}.weight"] = short(layer.weight.detach().numpy().T)
        found[f"layers.{i}.bias"] = short(layer.bias.detach().numpy())
    return found


def run(name, hidden, activation, rule, classes, **more):
    torch.manual_seed(64)
    widths, modules = [WIDTH, *hidden, classes], []
    for a, b in zip(widths, widths[1:], strict=False):
        modules += [torch.nn.Linear(a, b), {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]()]
    net = torch.nn.Sequential(*modules[:-1])
    layers = [m for m in net if isinstance(m, torch.nn.Linear)]
    groups = [
        {"params": [m.weight for m in layers], "weight_decay": more.get("l2", 0.0)},
        {"params": [m.bias for m in layers], "weight_decay": 0.0},
    ]
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[rule["type"]]
    optimizer = kind(groups, lr=rule["rate"], **({"momentum": rule["momentum"]} if "momentum" in rule else {}))
    first, losses, labels = tensors(layers), [], BINARY if classes == 2 else MANY
    for update in range(UPDATES):
        rows = [(update * BATCH + i) % ROWS for i in range(BATCH)]
        loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(X[rows])), torch.from_numpy(labels[rows]))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if "clip" in more:
            torch.nn.utils.clip_grad_norm_(net.parameters(), more["clip"])
        optimizer.step()
    spec = {"type": "mlp", "hidden": hidden, "activation": activation, "loss": "cross_entropy", "batch": BATCH, "optimizer": rule}
    return {"name": name, "spec": spec | more, "classes": classes, "first": first, "last": tensors(layers), "losses": short(losses)}


torch.set_num_threads(1)
adam, momentum = {"type": "adam", "rate": 0.005}, {"type": "sgd", "rate": 0.05, "momentum": 0.9}
runs = [
    run("batch64-relu-adam", [64, 24], "relu", adam, CLASSES),
    run("batch64-relu-momentum-l2-clip", [20, 9], "relu", momentum, CLASSES, l2=0.01, clip=0.3),
    run("batch64-tanh-adam", [33, 17], "tanh", adam, 2),
]
data = {"x": [short(x) for x in X], "binary": BINARY.tolist(), "classes": MANY.tolist(), "numbers": [0] * ROWS}
versions = {"python": platform.python_version(), "numpy": numpy.__version__, "torch": torch.__version__}
head = json.dumps({"made_by": "reference_batch.py", "versions": versions, "data": data}, separators=(",", ":"))
parts = [json.dumps(r, separators=(",", ":")) for r in runs]
(HERE / "torch_batch.json").write_text(head[:-1] + ',"runs":[\n' + ",\n".join(parts) + "\n]}\n")
