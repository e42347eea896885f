#!/usr/bin/env python3
"""Writes delayed.json: logistic regression by SGD on labels that come late, with the fake negative weighted loss.

    python3 model/testdata/delayed.py

Ktena et al. 2019, arXiv 1907.06558, as plainly as the paper says it and in float64. An event is learned at once as
class 0; when its label says 1 it is learned again, DELAY events later. The loss is

    L = - sum  y (1 + f) log f  +  (1 - y) (1 - f) (1 + f) log(1 - f),

whose weights are constants: f in them is the model's, without a gradient through it. So the gradient by the logit is
(1 + f)(f - 1) for y = 1 and (1 - f)(1 + f) f for y = 0.
"""

import json
import math
import pathlib
import random

WIDTH, EVENTS, DELAY, RATE = 3, 400, 25, 0.1


def predict(weights, x):
    z = weights[-1] + sum(w * v for w, v in zip(weights, x))
    return 1 / (1 + math.exp(-z))


def learn(weights, x, y):
    """One update; returns the probability of class 1 before it and the weight of the loss."""
    f = predict(weights, x)
    weight = 1 + f if y else (1 - f) * (1 + f)
    gradient = weight * (f - y)
    for i, v in enumerate(x + [1.0]):
        weights[i] -= RATE * gradient * v
    return f, weight


def main():
    rng = random.Random(11)
    true = [1.0, -0.7, 0.4, -1.2]
    rows = [[round(rng.gauss(0, 1), 3) for _ in range(WIDTH)] for _ in range(EVENTS)]
    labels = [int(rng.random() < predict(true, x)) for x in rows]
    weights, steps = [0.0] * (WIDTH + 1), []
    for i in range(EVENTS + DELAY):
        if i < EVENTS:
            steps.append((i, 0, *learn(weights, rows[i], 0)))
        late = i - DELAY
        if late >= 0 and labels[late]:
            steps.append((late, 1, *learn(weights, rows[late], 1)))
    keys = ("row", "class", "probability", "weight")
    out = {"rate": RATE, "x": rows, "steps": [dict(zip(keys, s)) for s in steps],
           "last": [predict(weights, x) for x in rows[:20]]}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
