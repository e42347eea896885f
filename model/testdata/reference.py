#!/usr/bin/env python3
"""Writes torch.json and sklearn.json: what PyTorch and scikit-learn make of a small stream.

    python3 -m venv venv && venv/bin/pip install torch scikit-learn
    venv/bin/python model/testdata/reference.py

Each run holds the settings in the words of a pipeline file, the initial weights, the weights after 100
updates and the loss of each update. Weight matrices are written as the package stores them, a row an
input, which is the transpose of PyTorch's.
"""

import json
import math
import pathlib
import platform

import numpy
import sklearn
import torch
from sklearn.linear_model import SGDClassifier

HERE = pathlib.Path(__file__).parent
WIDTH, ROWS, UPDATES = 5, 100, 100


def short(values):
    """Nine digits hold every float32 exactly."""
    return [float(f"{v:.9g}") for v in numpy.asarray(values, dtype=numpy.float64).ravel()]


def stream():
    """Features rounded to three digits, so that the file is small and exact in float32 too."""
    random = numpy.random.default_rng(5)
    x = random.normal(size=(ROWS, WIDTH)).round(3)
    signal = x @ numpy.array([1.0, -0.7, 0.4, 0.0, 0.2]) + 0.3 * x[:, 0] * x[:, 1]
    noise = 0.3 * random.normal(size=ROWS)
    binary = (signal + noise > 0).astype(int)
    classes = numpy.clip(numpy.floor(signal + noise + 1.5), 0, 2).astype(int)
    numbers = (200 + 35 * signal + 10 * random.standard_t(2, size=ROWS)).round(3)
    return x.astype(numpy.float32), binary, classes, numbers


X, BINARY, CLASSES, NUMBERS = stream()


class Standardiser:
    """The package learns numbers in running standard deviations, the number itself included."""

    def __init__(self):
        self.count, self.mean, self.squares = 0.0, 0.0, 0.0

    def deviation(self):
        return math.sqrt(self.squares / self.count) if self.squares > 0 else 0.0

    def restore(self, z):
        return self.mean + z * self.deviation()

    def learn(self, y):
        self.count += 1
        delta = y - self.mean
        self.mean += delta / self.count
        self.squares += delta * (y - self.mean)
        return (y - self.mean) / self.deviation() if self.squares > 0 else 0.0


def optimizer_of(spec, weights, biases):
    kind, rate, decay = spec["optimizer"]["type"], spec["optimizer"]["rate"], spec.get("l2", 0.0)
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    o = spec["optimizer"]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=o.get("momentum", 0.0), nesterov=o.get("nesterov", False))
    if kind == "adagrad":
        return torch.optim.Adagrad(groups, lr=rate)
    if kind == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate)
    return torch.optim.Adam(groups, lr=rate)


def build(spec, outputs):
    torch.manual_seed(11)
    modules, width = [], WIDTH
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}
    for units in spec.get("hidden", []):
        modules += [torch.nn.Linear(width, units), activation[spec.get("activation", "relu")]()]
        width = units
    modules.append(torch.nn.Linear(width, outputs))
    net = torch.nn.Sequential(*modules)
    if spec["type"] != "mlp":  # linear families start at zero
        for p in net.parameters():
            torch.nn.init.zeros_(p)
    return net


def tensors(net):
    found, layers = {}, [m for m in net if isinstance(m, torch.nn.Linear)]
    for i, layer in enumerate(layers):
        found[f"layers.{i}.weight"] = short(layer.weight.detach().numpy().T)
        found[f"layers.{i}.bias"] = short(layer.bias.detach().numpy())
    return found


def loss_of(spec, z, target):
    """PyTorch's losses; squared is half of MSELoss, so that Huber's equals it near zero."""
    if spec["loss"] == "cross_entropy":
        if z.shape[1] == 1:
            return torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], target.float())
        return torch.nn.functional.cross_entropy(z, target)
    if spec["loss"] == "huber":
        return torch.nn.functional.huber_loss(z[:, 0], target, delta=spec["huber_delta"])
    return torch.nn.functional.mse_loss(z[:, 0], target) / 2


def run(name, spec, classes):
    outputs = {0: 1, 2: 1 if spec["type"] == "logistic" else 2, 3: 3}[classes]
    net, batch = build(spec, outputs), spec.get("batch", 1)
    first = tensors(net)
    layers = [m for m in net if isinstance(m, torch.nn.Linear)]
    optimizer = optimizer_of(spec, [m.weight for m in layers], [m.bias for m in layers])
    scale, losses = Standardiser(), []
    for update in range(UPDATES):
        rows = [(update * batch + i) % ROWS for i in range(batch)]
        z = net(torch.from_numpy(X[rows]))
        if classes == 0:
            # The loss written down is half the squared error in the label's own units, before learning.
            errors, target = [], []
            for i, row in enumerate(rows):
                errors.append((scale.restore(float(z[i, 0])) - NUMBERS[row]) ** 2 / 2)
                target.append(scale.learn(NUMBERS[row]))
            loss = loss_of(spec, z, torch.tensor(target, dtype=torch.float32))
            losses.append(sum(errors) / batch)
        else:
            loss = loss_of(spec, z, torch.from_numpy((BINARY if classes == 2 else CLASSES)[rows]))
            losses.append(float(loss))
        optimizer.zero_grad()
        loss.backward()
        if "clip" in spec:
            torch.nn.utils.clip_grad_norm_(net.parameters(), spec["clip"])
        optimizer.step()
    return {"name": name, "spec": spec, "classes": classes, "first": first, "last": tensors(net), "losses": short(losses)}


def torch_runs():
    rules = {
        "sgd": {"type": "sgd", "rate": 0.05},
        "momentum": {"type": "sgd", "rate": 0.02, "momentum": 0.9},
        "nesterov": {"type": "sgd", "rate": 0.02, "momentum": 0.9, "nesterov": True},
        "adagrad": {"type": "adagrad", "rate": 0.05},
        "rmsprop": {"type": "rmsprop", "rate": 0.01},
        "adam": {"type": "adam", "rate": 0.01},
    }
    for name, rule in rules.items():
        mlp = {"type": "mlp", "hidden": [6, 4], "activation": "tanh", "loss": "cross_entropy", "optimizer": rule}
        yield run(f"mlp-{name}", mlp, 3)
        yield run(f"mlp-{name}-batch8-l2-clip", mlp | {"batch": 8, "l2": 0.01, "clip": 0.3}, 3)
        yield run(f"mlp-{name}-l2-clip", mlp | {"activation": "relu", "l2": 0.01, "clip": 0.5}, 2)
    number = {"type": "mlp", "hidden": [6], "activation": "sigmoid", "loss": "squared", "optimizer": rules["adam"]}
    huber = number | {"activation": "relu", "loss": "huber", "huber_delta": 0.8, "optimizer": rules["sgd"]}
    yield run("mlp-squared", number, 0)
    yield run("mlp-squared-batch8", number | {"batch": 8}, 0)
    yield run("mlp-huber", huber, 0)
    yield run("mlp-huber-batch8", huber | {"batch": 8}, 0)
    yield run("linear-squared", {"type": "linear", "loss": "squared", "optimizer": rules["sgd"]}, 0)
    yield run("linear-huber", {"type": "linear", "loss": "huber", "huber_delta": 0.8, "optimizer": rules["adagrad"]}, 0)
    for name in ("sgd", "adagrad", "adam"):
        spec = {"type": "logistic", "loss": "cross_entropy", "optimizer": rules[name], "l2": 0.001}
        yield run(f"logistic-{name}", spec, 2)
        yield run(f"softmax-{name}", spec, 3)


def sklearn_run(name, loss, spec, classes):
    rate, alpha = spec["optimizer"]["rate"], spec["l2"]
    model = SGDClassifier(loss=loss, penalty="l2", alpha=alpha, learning_rate="constant", eta0=rate, random_state=0)
    labels = BINARY if classes == 2 else CLASSES
    losses = []
    for i in range(UPDATES):
        x, y = X[i : i + 1].astype(numpy.float64), labels[i]
        margins = model.decision_function(x)[0] if i else numpy.zeros(1 if classes == 2 else classes)
        margins = numpy.atleast_1d(margins)
        sides = numpy.where(numpy.arange(classes) == y, 1, -1) if classes > 2 else numpy.array([1 if y == 1 else -1])
        m = margins * sides
        each = numpy.maximum(0, 1 - m) if loss == "hinge" else numpy.logaddexp(0, -m)
        losses.append(each.sum())
        model.partial_fit(x, [y], classes=numpy.arange(classes))
    last = {"layers.0.weight": short(model.coef_.T), "layers.0.bias": short(model.intercept_)}
    return {"name": name, "spec": spec, "classes": classes, "last": last, "losses": short(losses)}


def sklearn_runs():
    for rate, l2 in ((0.05, 0.0001), (0.2, 0.01)):
        spec = {"type": "logistic", "loss": "cross_entropy", "optimizer": {"type": "sgd", "rate": rate}, "l2": l2}
        yield sklearn_run(f"logistic-{rate}", "log_loss", spec, 2)
        spec = spec | {"type": "svm", "loss": "hinge", "c": 1.0}
        yield sklearn_run(f"hinge-{rate}", "hinge", spec, 2)
        yield sklearn_run(f"hinge-rest-{rate}", "hinge", spec, 3)


def write(name, versions, runs):
    data = {"x": [short(r) for r in X], "binary": BINARY.tolist(), "classes": CLASSES.tolist(), "numbers": short(NUMBERS)}
    head = {"made_by": "reference.py", "versions": {"python": platform.python_version(), "numpy": numpy.__version__} | versions}
    parts = [json.dumps(r, separators=(",", ":")) for r in runs]
    text = json.dumps(head | {"data": data}, separators=(",", ":"))[:-1] + ',"runs":[\n' + ",\n".join(parts) + "\n]}\n"
    (HERE / name).write_text(text)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("torch.json", {"torch": torch.__version__}, list(torch_runs()))
    write("sklearn.json", {"scikit-learn": sklearn.__version__}, list(sklearn_runs()))
