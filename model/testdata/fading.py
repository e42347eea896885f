#!/usr/bin/env python3
"""Writes fading.json: AdaGrad that forgets, at an adaptive rate, on the stream of rules.json. It needs nothing but Python.

    python3 model/testdata/fading.py

Everything is float64 and as plain as can be. Equations: AdaGrad, Duchi, Hazan, Singer 2011; the rate and the trace,
Schraudolph 1999, equations 3 and 7, with one gain for all weights and the memory of equation 3.
"""

import json
import math
import pathlib

HERE = pathlib.Path(__file__).parent
DATA = json.loads((HERE / "rules.json").read_text())["data"]
KEEP, MEMORY, KAPPA = 0.999, 0.9, 0.005
SETTLED = 32  # labels that are known before their moments go by weight
WEIGHTS = [1.0, 2.0, 0.5, 7.0, 1.5]


def short(values):
    return [float(f"{v:.9g}") for v in values]


class Standardiser:
    """The package learns numbers in running standard deviations, the number itself included; weights count."""

    def __init__(self):
        self.count = self.mean = self.squares = 0.0
        self.first = []

    def deviation(self):
        return math.sqrt(self.squares / self.count) if self.squares > 0 else 0.0

    def learn(self, y, weight):
        self.count += weight
        if len(self.first) < SETTLED:  # of the first ones the weights only add up
            self.first.append(y)
            self.mean = sum(self.first) / len(self.first)
            self.squares = sum((v - self.mean) ** 2 for v in self.first) * self.count / len(self.first)
            return (y - self.mean) / self.deviation() if self.squares > 0 else 0.0
        delta = y - self.mean
        self.mean += delta * weight / self.count
        self.squares += weight * delta * (y - self.mean)
        return (y - self.mean) / self.deviation() if self.squares > 0 else 0.0


def softmax(z):
    e = [math.exp(v - max(z)) for v in z]
    return [v / sum(e) for v in e]


class Fading:
    def __init__(self, spec, columns, outputs):
        self.rate, self.l2 = spec["optimizer"]["rate"], spec.get("l2", 0.0)
        self.w, self.s, self.h = ([[0.0] * outputs for _ in range(columns)] for _ in range(3))
        self.square, self.t, self.least = 0.0, 0, 0.5 * self.rate

    def outputs(self, x):
        return [sum(xj * row[o] for xj, row in zip(x, self.w)) for o in range(len(self.w[0]))]

    def step(self, x, d, curvature, most, weight):
        """d are the derivatives by the outputs, of the loss times the weight; most is the largest curvature, of numbers."""
        outputs, bias = range(len(d)), len(x) - 1
        xh = [sum(xj * row[o] for xj, row in zip(x, self.h)) for o in outputs]
        along = -sum(d[o] * xh[o] for o in outputs)
        self.t += 1
        size = min(along**2, 100 * self.square) if self.square > 0 else along**2
        self.square += (size - self.square) / min(self.t, 1000)
        c = min(max(along / math.sqrt(self.square), -3), 3) if self.square > 0 else 0.0
        self.rate = min(max(self.rate * (1 + KAPPA * c), self.least), 16)
        g = [[xj * d[o] + (0 if j == bias else self.l2 * self.w[j][o]) for o in outputs] for j, xj in enumerate(x)]
        touched = [j for j, xj in enumerate(x) if xj != 0]  # a weight without an event stays as it is
        for j in touched:
            for o in outputs:
                self.s[j][o] = KEEP * self.s[j][o] + g[j][o] ** 2
        inverse = [[1 / math.sqrt(v) if v > 0 else 0.0 for v in row] for row in self.s]
        size = [max(1e-60, sum(xj**2 * inverse[j][o] for j, xj in enumerate(x))) for o in outputs]
        a = self.rate if most is None else min(self.rate, 1 / (most * size[0] * max(1, weight)))
        curvature = [min(c, 1 / (a * size[o] * weight)) for o, c in enumerate(curvature)]
        for j in touched:
            for o in outputs:
                self.h[j][o] = MEMORY * self.h[j][o] - a * x[j] * (weight * curvature[o] * xh[o] + d[o]) * inverse[j][o]
                self.w[j][o] -= a * g[j][o] * inverse[j][o]


def run(name, spec, classes, weighted):
    outputs = 3 if classes == 3 else 1
    rule, scale, losses = Fading(spec, len(DATA["x"][0]) + 1, outputs), Standardiser(), []
    for i, row in enumerate(DATA["x"]):
        x, weight = [*row, 1.0], WEIGHTS[i % len(WEIGHTS)] if weighted else 1.0
        z, most = rule.outputs(x), None
        if classes == 0:
            y = DATA["numbers"][i]
            losses.append((scale.mean + z[0] * scale.deviation() - y) ** 2 / 2)
            d, curvature, most = [z[0] - scale.learn(y, weight)], [1.0], 1.0
        elif classes == 2:
            p, y = 1 / (1 + math.exp(-z[0])), DATA["binary"][i]
            losses.append(-math.log(p if y == 1 else 1 - p))
            d, curvature = [p - y], [p * (1 - p)]
        else:
            p, y = softmax(z), DATA["classes"][i]
            losses.append(-math.log(p[y]))
            d, curvature = [v - (o == y) for o, v in enumerate(p)], [v * (1 - v) for v in p]
        rule.step(x, [v * weight for v in d], curvature, most, weight)
    last = {"layers.0.weight": short(v for row in rule.w[:-1] for v in row), "layers.0.bias": short(rule.w[-1])}
    out = {"name": name, "spec": spec, "classes": classes, "last": last, "losses": short(losses)}
    return out | ({"weights": WEIGHTS} if weighted else {})


if __name__ == "__main__":
    rule = {"optimizer": {"type": "adagrad", "rate": 0.1, "schedule": "adaptive"}, "l2": 0.001}
    logistic, squared = {"type": "logistic", "loss": "cross_entropy"} | rule, {"type": "linear", "loss": "squared"} | rule
    runs = [
        run(name + ("-weighted" if weighted else ""), spec, classes, weighted)
        for weighted in (False, True)
        for name, spec, classes in (("logistic-fading", logistic, 2), ("softmax-fading", logistic, 3), ("linear-fading", squared, 0))
    ]
    text = json.dumps({"made_by": "fading.py", "data": DATA}, separators=(",", ":"))[:-1]
    rows = ",\n".join(json.dumps(r, separators=(",", ":")) for r in runs)
    (HERE / "fading.json").write_text(text + ',"runs":[\n' + rows + "\n]}\n")
