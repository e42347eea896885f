#!/usr/bin/env python3
"""Writes river.json: what River and scikit-learn say of small streams.

    python3 -m venv venv && venv/bin/pip install river scikit-learn
    venv/bin/python model/tree/testdata/reference.py
"""

import json
import math
import pathlib
import platform
import random

import river
import sklearn
from river.tree.split_criterion import InfoGainSplitCriterion
from river.tree.splitter import GaussianSplitter
from sklearn.tree import DecisionTreeRegressor

HERE = pathlib.Path(__file__).parent


def gaussian(seed, classes):
    r = random.Random(seed)
    splitter, counts, rows = GaussianSplitter(), {}, []
    for _ in range(300):
        c, w = r.randrange(classes), float(r.randrange(1, 4))
        v = round(r.gauss(2.0 * c, 1.0 + 0.3 * c), 3)
        rows.append([v, c, w])
        splitter.update(v, c, w)
        counts[c] = counts.get(c, 0) + w
    best = splitter.best_evaluated_split_suggestion(InfoGainSplitCriterion(min_branch_fraction=0.01), counts, 0, True)
    left, right = best.children_stats
    return {
        "classes": classes, "rows": rows, "merit": best.merit, "threshold": best.split_info,
        "left": [left.get(c, 0.0) for c in range(classes)], "right": [right.get(c, 0.0) for c in range(classes)],
        "mean": [splitter._att_dist_per_class[c].mu for c in range(classes)],
        "deviation": [splitter._att_dist_per_class[c].sigma for c in range(classes)],
    }


def gain(seed):
    r = random.Random(seed)
    k = r.randrange(2, 6)
    left = {c: float(r.randrange(1, 60)) for c in range(k)}
    right = {c: float(r.randrange(1, 60)) for c in range(k)}
    pre = {c: left[c] + right[c] for c in range(k)}
    criterion = InfoGainSplitCriterion(min_branch_fraction=0.01)
    return {"left": [left[c] for c in range(k)], "all": [pre[c] for c in range(k)],
            "merit": criterion.merit_of_split(pre, [left, right]), "range": criterion.range_of_merit(pre)}


def stump(seed):
    """The best split of whole numbers by variance: what a tree of depth 1 finds."""
    r = random.Random(seed)
    x = [r.randrange(0, 24) for _ in range(400)]
    y = [round((5.0 if v < 7 + seed else 1.0) + 0.1 * v + r.gauss(0, 1), 3) for v in x]
    t = DecisionTreeRegressor(max_depth=1, min_samples_leaf=5).fit([[v] for v in x], y).tree_
    n, impurity, threshold = t.n_node_samples, t.impurity, t.threshold[0]
    within = (n[1] * impurity[1] + n[2] * impurity[2]) / n[0]
    return {"x": x, "y": y, "threshold": threshold, "merit": 1 - within / impurity[0],
            "left": [int(n[1]), t.value[1][0][0]], "right": [int(n[2]), t.value[2][0][0]]}


def main():
    hoeffding = [{"range": s, "delta": d, "n": n, "bound": math.sqrt(s * s * math.log(1 / d) / (2 * n))}
                 for s in (1.0, math.log2(10)) for d in (1e-7, 0.05) for n in (30.0, 1e6)]
    out = {
        "versions": {"python": platform.python_version(), "river": river.__version__, "sklearn": sklearn.__version__},
        "hoeffding": hoeffding,
        "gaussian": [gaussian(s, k) for s, k in ((1, 2), (2, 3), (3, 5))],
        "gain": [gain(s) for s in range(6)],
        "stump": [stump(s) for s in range(3)],
    }
    with open(HERE / "river.json", "w", encoding="ascii") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


main()
