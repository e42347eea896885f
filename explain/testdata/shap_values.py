"""Writes shap.json: Shapley values by PyPI's shap, of functions that shap_test.go has too, with one baseline of ones.

pip install numpy scikit-learn shap; python shap_values.py > shap.json
"""
import json

import numpy as np
import shap
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

N = 6
rng = np.random.default_rng(5)
base = np.ones((1, N))
events = np.round(rng.normal(1, 2, (8, N)), 3)


def curved(x):
    return x[:, 0] * x[:, 1] * x[:, 2] + np.sin(x[:, 3]) * np.maximum(x[:, 4], 0) - x[:, 3] ** 2


train = rng.normal(1, 2, (400, N))
linear = LinearRegression().fit(train, train @ np.arange(N) + 2)
forest = RandomForestRegressor(n_estimators=4, max_depth=5, random_state=1).fit(train, curved(train))

out = {"shap": shap.__version__, "events": events.tolist()}
out["kernel"] = shap.KernelExplainer(curved, base).shap_values(events, nsamples=2**N, silent=True, l1_reg=False).tolist()
out["linear"] = {
    "weights": linear.coef_.tolist(), "intercept": float(linear.intercept_),
    "values": shap.LinearExplainer(linear, shap.maskers.Independent(base, max_samples=1)).shap_values(events).tolist(),
}
tree = shap.TreeExplainer(forest, base, feature_perturbation="interventional")
out["tree"] = {
    "trees": [{"left": t.tree_.children_left.tolist(), "right": t.tree_.children_right.tolist(),
               "feature": t.tree_.feature.tolist(), "threshold": t.tree_.threshold.tolist(),
               "value": t.tree_.value[:, 0, 0].tolist()} for t in forest.estimators_],
    "values": tree.shap_values(events).tolist(),
}
print(json.dumps(out))
