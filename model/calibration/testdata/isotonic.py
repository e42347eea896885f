"""Writes isotonic.json: pooled shares by scikit-learn's IsotonicRegression, for TestPools.

    python3 isotonic.py > isotonic.json        (scikit-learn 1.9)
"""
import json
import random

from sklearn.isotonic import IsotonicRegression

random.seed(7)
cases = []
for n in (3, 10, 40, 80):
    share = [random.random() for _ in range(n)]
    weight = [random.choice((1, 4, random.random() * 50)) for _ in range(n)]
    fit = IsotonicRegression().fit_transform(list(range(n)), share, sample_weight=weight)
    cases.append({"share": share, "weight": weight, "fit": [float(v) for v in fit]})
print(json.dumps(cases))
