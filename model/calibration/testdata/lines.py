"""Writes lines.json: lines that minimise the log-loss of a sample, by scikit-learn's LogisticRegression with nearly no penalty, for
TestLinesFit.

    python3 lines.py > lines.json        (scikit-learn 1.9)
"""
import json
import math
import random

from sklearn.linear_model import LogisticRegression

random.seed(3)


def sample(slope, offset, n=3000):
    rows = []
    for _ in range(n):
        z = random.gauss(0, 2)
        y = random.random() < 1 / (1 + math.exp(-(slope * z + offset)))
        rows.append((round(z, 3), int(y)))
    return rows


out = []
for slope, offset in ((0.5, 0.3), (1.7, -1.0)):
    rows = sample(slope, offset)
    y = [r[1] for r in rows]
    platt = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit([[r[0]] for r in rows], y)
    x = [[-math.log1p(math.exp(-z)), math.log1p(math.exp(z))] for z, _ in rows]
    beta = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(x, y)
    out.append({
        "z": [r[0] for r in rows], "y": y,
        "platt": [float(platt.coef_[0][0]), float(platt.intercept_[0])],
        "beta": [float(v) for v in beta.coef_[0]] + [float(beta.intercept_[0])],
    })
print(json.dumps(out))
