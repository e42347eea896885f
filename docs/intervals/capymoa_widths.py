"""Coverage and width of CapyMOA's intervals: python capymoa_widths.py DATA.csv…, with the label in column y.

Its own adaptive random forest predicts; times become day, weekday and hour, texts numbers, missing values -1.
"""
import os
import sys

import numpy as np
import pandas as pd
from capymoa.regressor import AdaptiveRandomForestRegressor
from capymoa.stream import NumpyStream
from capymoa.uncertainty import MVE, AdaPI

LEVEL, RUN = 0.9, 5000


def runs(held):
    n = min(RUN, len(held))
    sums = np.r_[0, np.cumsum(np.array(held, float))]
    shares = 100 * (sums[n:] - sums[:-n]) / n
    return f"{shares.min():.2f} to {shares.max():.2f} %"


def load(path):
    d = pd.read_csv(path)
    if "time" in d:
        t = pd.to_datetime(d.pop("time"))
        d.insert(0, "hour", t.dt.hour)
        d.insert(0, "weekday", t.dt.dayofweek)
        d.insert(0, "day", (t - t[0]).dt.total_seconds() / 86400)
    for c in d.columns:
        if d[c].dtype == object:
            d[c] = d[c].astype("category").cat.codes
    d = d.fillna(-1)
    return d.drop(columns="y").to_numpy(float), d["y"].to_numpy(float)


for path in sys.argv[1:]:
    for make in (MVE, AdaPI):
        stream = NumpyStream(*load(path), target_type="numeric")
        schema = stream.get_schema()
        model = make(schema, base_learner=AdaptiveRandomForestRegressor(schema), confidence_level=LEVEL)
        held, widths, errors = [], [], []
        while stream.has_more_instances():
            event = stream.next_instance()
            p = model.predict(event)
            if p is not None and len(p) == 3:
                held.append(p[0] <= event.y_value <= p[2])
                widths.append(p[2] - p[0])
                errors.append(abs(p[1] - event.y_value))
            model.train(event)
        print(f"| {os.path.basename(path)[:-4]} | CapyMOA, {make.__name__} | {runs(held)} | {np.mean(widths):.5g} | | (error {np.mean(errors):.5g})", flush=True)
