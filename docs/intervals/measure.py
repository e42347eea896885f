"""Coverage and width of intervals and sets beside River's: python measure.py REFERENCE PREDICTIONS.csv…

REFERENCE is conformal/testdata/reference.py, whose values the binary's are tested against; predictions are from
`millrace evaluate --predictions FILE`. River's interval is RegressionJackknife's over the same predictions, by its own
quantiles: over all residuals, and over the last 500. It has no sets.
"""
import contextlib
import csv
import importlib.util
import io
import os
import sys

from river import stats

LEVEL, RUN = 0.9, 5000


def load(path):
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    with contextlib.redirect_stdout(io.StringIO()):
        spec.loader.exec_module(module)
    return module


def runs(held):
    n = min(RUN, len(held))
    total = sum(held[:n])
    least = most = total
    for i in range(n, len(held)):
        total += held[i] - held[i - n]
        least, most = min(least, total), max(most, total)
    return f"{100 * least / n:.2f} to {100 * most / n:.2f} %"


def line(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def numbers(name, reference, rows):
    ours = reference.Intervals(LEVEL)
    peers = {"River, all": (stats.Quantile(0.05), stats.Quantile(0.95)), "River, 500": (stats.RollingQuantile(0.05, 500), stats.RollingQuantile(0.95, 500))}
    held, widths = {}, {}

    def add(who, low, high, y):
        held.setdefault(who, []).append(low <= y <= high)
        widths.setdefault(who, []).append(high - low)

    for v, y in rows:
        i = ours.interval(v)
        if i is None:
            held.setdefault("Millrace", []).append(True)
        else:
            add("Millrace", *i, y)
        ours.learn_number(v, y)
        for who, (low, high) in peers.items():
            add(who, v + (low.get() or 0), v + (high.get() or 0), y)
            low.update(y - v)
            high.update(y - v)
    for who in held:
        line(name, who, runs(held[who]), f"{sum(widths[who]) / len(widths[who]):.5g}", str(len(held[who]) - len(widths[who])))


def classes(name, reference, rows):
    ours, held, size = reference.Sets(LEVEL), [], 0
    for p, y in rows:
        s = ours.set(p)
        size += len(s)
        held.append(y in s)
        ours.learn_class(p, y)
    line(name, "Millrace", runs(held), f"{size / len(rows):.2f} of {len(rows[0][0])}", "")


def main():
    reference = load(sys.argv[1])
    line("stream", "by", "held over any 5,000 events", "mean width", "unbounded")
    line("---", "---", "---", "---", "---")
    for path in sys.argv[2:]:
        name = os.path.basename(path)[:-4]
        with open(path, newline="") as f:
            table = csv.DictReader(f)
            if "prediction" in table.fieldnames:
                numbers(name, reference, [(float(r["prediction"]), float(r["label"])) for r in table if r["label"]])
            else:
                columns = [c for c in table.fieldnames if c.startswith("p_")]
                classes(name, reference, [([float(r[c]) for c in columns], columns.index("p_" + r["label"])) for r in table if r["label"]])


main()
