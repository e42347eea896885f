#!/usr/bin/env python3
"""Writes adwin.json: what River's ADWIN says of small streams.

    python3 -m venv venv && venv/bin/pip install river
    venv/bin/python drift/testdata/adwin.py
"""

import json
import pathlib
import platform
import random

import river
from river import drift

HERE = pathlib.Path(__file__).parent


def adwin(seed, delta, levels, real):
    """Detections, and the window's width and mean at the end; levels are (until, mean)."""
    r = random.Random(seed)
    d = drift.ADWIN(delta=delta)
    values, found = [], []
    for i in range(levels[-1][0]):
        mean = next(m for until, m in levels if i < until)
        v = round(min(max(r.gauss(mean, 0.1), 0), 1), 3) if real else float(r.random() < mean)
        values.append(v)
        d.update(v)
        if d.drift_detected:
            found.append(i)
            break  # River forgets the window at a detection; here it goes on with what is left
    return {"delta": delta, "values": values if real else "".join(str(int(v)) for v in values),
            "found": found, "width": d.width, "mean": d.estimation, "spread": d.variance}


def main():
    steps = [(1500, 0.2), (3000, 0.5)]
    out = {
        "versions": {"python": platform.python_version(), "river": river.__version__},
        "adwin": [adwin(s, 0.002, steps, False) for s in range(3)] + [adwin(7, 0.01, [(700, 0.3), (1400, 0.37)], True),
                                                                   adwin(9, 0.002, [(3000, 0.4)], False)],
    }
    with open(HERE / "adwin.json", "w", encoding="ascii") as f:
        json.dump(out, f, separators=(",", ":"))
        f.write("\n")


main()
