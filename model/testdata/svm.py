#!/usr/bin/env python3
"""Writes svm.json: what scikit-learn and plain numpy make of the stream in sklearn.json.

    python3 -m venv venv && venv/bin/pip install scikit-learn
    venv/bin/python model/testdata/svm.py

Passive-aggressive and epsilon-insensitive updates are scikit-learn's; Pegasos, Crammer and Singer's update and
averages, which it does not have, are written out below from their papers, one weight at a time and
without the package's scales. Each run holds the settings in the words of a pipeline file, the loss of each
event before it was learned (of numbers half the squared error in the label's own units), and the weights
at the end, a row an input, with the bias last.
"""

import json
import pathlib
import platform
import warnings

import numpy
import sklearn
from sklearn.linear_model import PassiveAggressiveClassifier, PassiveAggressiveRegressor, SGDRegressor

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
DATA = json.loads((HERE / "sklearn.json").read_text())["data"]
X = numpy.hstack([numpy.array(DATA["x"]), numpy.ones((len(DATA["x"]), 1))])  # the bias is a column of 1
LABELS = {2: numpy.array(DATA["binary"]), 3: numpy.array(DATA["classes"]), 0: numpy.array(DATA["numbers"])}


def short(values):
    return [float(f"{v:.9g}") for v in numpy.asarray(values, dtype=float).ravel()]


def hinge(z, y, classes, multiclass):
    """The loss of margins z for class y."""
    if classes == 2:
        return max(0.0, 1 - (2 * y - 1) * z[0])
    if multiclass == "crammer_singer":
        return max(0.0, 1 - z[y] + max(v for k, v in enumerate(z) if k != y))
    return sum(max(0.0, 1 - (1 if k == y else -1) * v) for k, v in enumerate(z))


def result(name, spec, classes, weights, losses, average=None):
    run = {"name": name, "spec": spec, "classes": classes, "last": short(weights.T), "losses": short(losses)}
    return run | ({"average": short(average.T)} if average is not None else {})


def passive_aggressive(name, update, classes, c):
    """scikit-learn's own: one against the rest. Its norm leaves the intercept out, so that is a column."""
    model = PassiveAggressiveClassifier(C=c, loss="hinge" if update == "pa1" else "squared_hinge", fit_intercept=False)
    rows, losses = (1 if classes == 2 else classes), []
    for i, (x, y) in enumerate(zip(X, LABELS[classes])):
        z = numpy.atleast_1d(model.decision_function(x[None])[0]) if i else numpy.zeros(rows)
        losses.append(c * hinge(z, y, classes, "one_vs_rest"))
        model.partial_fit(x[None], [y], classes=numpy.arange(classes))
    spec = {"update": update, "c": c} | ({"multiclass": "one_vs_rest"} if classes > 2 else {})
    return result(name, spec, classes, model.coef_, losses)


class Standardiser:
    """The package learns numbers in running standard deviations, the number itself included."""

    def __init__(self):
        self.seen = []

    def restore(self, z):
        return numpy.mean(self.seen) + z * numpy.std(self.seen) if self.seen else 0.0

    def learn(self, y):
        self.seen.append(y)
        deviation = numpy.std(self.seen)
        return (y - numpy.mean(self.seen)) / deviation if deviation > 0 else 0.0


def numbers(name, model, spec, bias):
    scale, losses = Standardiser(), []
    x = X if bias else X[:, :-1]
    for i, y in enumerate(LABELS[0]):
        z = model.predict(x[i : i + 1])[0] if i else 0.0
        losses.append((scale.restore(z) - y) ** 2 / 2)
        model.partial_fit(x[i : i + 1], [scale.learn(y)])
    weights = model.coef_ if bias else numpy.append(model.coef_, model.intercept_)
    return result(name, spec, 0, weights[None], losses)


def subgradient(z, y, classes, multiclass):
    """By the margins; nothing at the kink."""
    g = numpy.zeros(len(z))
    if classes == 2:
        side = 2 * y - 1
        g[0] = -side if side * z[0] < 1 else 0
    elif multiclass == "crammer_singer":
        rival = max((k for k in range(classes) if k != y), key=lambda k: z[k])
        if z[y] - z[rival] < 1:
            g[y], g[rival] = -1, 1
    else:
        for k in range(classes):
            side = 1 if k == y else -1
            g[k] = -side if side * z[k] < 1 else 0
    return g


def crammer_singer(name, update, c, average=False):
    """Crammer et al. 2006, section 8: the class and its largest rival share the step."""
    w, mean, losses = numpy.zeros((3, X.shape[1])), numpy.zeros((3, X.shape[1])), []
    for i, (x, y) in enumerate(zip(X, LABELS[3])):
        z = w @ x
        losses.append(c * hinge(z, y, 3, "crammer_singer"))
        loss, g = hinge(z, y, 3, "crammer_singer"), subgradient(z, y, 3, "crammer_singer")
        square = 2 * x @ x
        tau = min(c, loss / square) if update == "pa1" else loss / (square + 1 / (2 * c))
        w = w - tau * numpy.outer(g, x)
        mean += (w - mean) / (i + 1)
    spec = {"update": update, "c": c, "multiclass": "crammer_singer", "average": average}
    return result(name, spec, 3, w, losses, mean if average else None)


def pegasos(name, classes, penalty, rate, multiclass="", average=False):
    """Shalev-Shwartz et al. 2011, figure 1, with the projection, and a least rate."""
    rows, losses = (1 if classes == 2 else classes), []
    w, mean = numpy.zeros((rows, X.shape[1])), numpy.zeros((rows, X.shape[1]))
    for i, (x, y) in enumerate(zip(X, LABELS[classes])):
        z = w @ x
        losses.append(hinge(z, y, classes, multiclass))
        eta = max(1 / (penalty * (i + 1)), rate)
        w = (1 - eta * penalty) * w - eta * numpy.outer(subgradient(z, y, classes, multiclass), x)
        w *= min(1, 1 / numpy.sqrt(penalty) / max(numpy.linalg.norm(w), 1e-300))
        mean += (w - mean) / (i + 1)
    spec = {"update": "pegasos", "l2": penalty, "rate": rate, "average": average} | ({"multiclass": multiclass} if multiclass else {})
    return result(name, spec, classes, w, losses, mean if average else None)


def runs():
    for update in ("pa1", "pa2"):
        for c in (0.05, 2.0):
            yield passive_aggressive(f"{update}-{c}", update, 2, c)
            yield passive_aggressive(f"{update}-rest-{c}", update, 3, c)
            yield crammer_singer(f"{update}-crammer-singer-{c}", update, c)
    yield crammer_singer("pa1-crammer-singer-average", "pa1", 0.3, average=True)
    for loss, update in (("epsilon_insensitive", "pa1"), ("squared_epsilon_insensitive", "pa2")):
        model = PassiveAggressiveRegressor(C=0.1, epsilon=0.2, loss=loss, fit_intercept=False)
        yield numbers(f"{update}-number", model, {"update": update, "c": 0.1, "epsilon": 0.2}, True)
    model = SGDRegressor(loss="epsilon_insensitive", epsilon=0.3, alpha=0.01, learning_rate="constant", eta0=0.02)
    spec = {"update": "gradient", "epsilon": 0.3, "l2": 0.01, "rate": 0.02}
    yield numbers("gradient-number", model, spec, False)
    yield pegasos("pegasos", 2, 0.05, 0.01)
    yield pegasos("pegasos-floor-average", 2, 0.2, 0.3, average=True)
    yield pegasos("pegasos-crammer-singer", 3, 0.1, 0.01, "crammer_singer")
    yield pegasos("pegasos-rest-average", 3, 0.1, 0.01, "one_vs_rest", average=True)


versions = {"python": platform.python_version(), "numpy": numpy.__version__, "scikit-learn": sklearn.__version__}
head = json.dumps({"made_by": "svm.py", "versions": versions}, separators=(",", ":"))
parts = [json.dumps(r, separators=(",", ":")) for r in runs()]
(HERE / "svm.json").write_text(head[:-1] + ',"runs":[\n' + ",\n".join(parts) + "\n]}\n")
