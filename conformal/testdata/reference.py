"""Reference values of intervals and sets, by an implementation of its own: python reference.py > reference.json.

It follows docs/INTERVALS.md, with the standard library alone; bins are looked up by logarithms in place of exponents.
"""
import json
import math
import random


class Controller:
    def __init__(self, level):
        self.alpha, self.q, self.excess, self.seen = 1 - level, 0.0, 0.0, 0
        self.needs = 1 + math.ceil(1 / self.alpha - 1e-9)

    def reach(self):
        if self.seen < self.needs or self.excess > 24:
            return math.inf
        if self.excess < -24:
            return -math.inf
        return self.q + 0.1 * self.excess

    def learn(self, score, missed):
        if self.seen == 1:
            self.q = score
        elif self.seen < self.needs:
            self.q = max(self.q, score)
        elif self.excess > 24:
            if score > self.q:
                self.q = min(score, self.q + 3)
        elif self.excess < -24:
            if score < self.q:
                self.q = max(score, self.q - 0.5)
        else:
            step = max(0.02, 2 / (self.seen - self.needs + 4) ** 0.6)
            self.q += step * ((1 - self.alpha) if score > self.q else -self.alpha)
        self.excess = max(-25, self.excess + ((1 - self.alpha) if missed else -self.alpha))
        self.seen += 1


class Intervals(Controller):
    def __init__(self, level):
        super().__init__(level)
        self.bins, self.mean, self.weight = {}, None, 0.0

    def bin(self, v):
        at = -32 if v == 0 else math.floor(2 * math.log2(abs(v))) + 2
        return v < 0, max(-32, min(95, at))

    def offset(self, v):
        n, total = self.bins.get(self.bin(v), (0.0, 0.0))
        return total / (n + 20)

    def interval(self, v):
        r = self.reach()
        if r == math.inf:
            return None
        w = math.exp(r + self.offset(v)) if r > -math.inf else 0.0
        return [v - w, v + w]

    def learn_number(self, v, y):
        if self.seen == 0:
            self.seen = 1
            return
        interval = self.interval(v)
        offset = self.offset(v)
        score = math.log(max(abs(y - v), 1e-9 * max(abs(y), abs(v)), 1e-300)) - offset
        if self.mean is None:
            self.mean = score
        d = max(-3, min(3, score - self.mean))
        self.weight = 0.99 * self.weight + 1
        self.mean += d / self.weight
        n, total = self.bins.get(self.bin(v), (0.0, 0.0))
        self.bins[self.bin(v)] = (0.98 * n + 1, 0.98 * total + d + offset)
        self.learn(score, interval is not None and not interval[0] <= y <= interval[1])


class Sets(Controller):
    def set(self, p):
        r = self.reach()
        least = 0 if r == math.inf else 1 if r == -math.inf else 1 / (1 + math.exp(r))
        return [k for k in range(len(p)) if p[k] >= least or k == p.index(max(p))]

    def learn_class(self, p, y):
        if self.seen == 0:
            self.seen = 1
            return
        own = min(1 - 1e-7, max(1e-7, p[y]))
        self.learn(math.log(1 - own) - math.log(own), y not in self.set(p))


def numbers(level, seed):
    r, i, out = random.Random(seed), Intervals(level), []
    for k in range(600):
        v = r.choice([-1, 1]) * 2 ** r.uniform(-20, 30) if k % 50 else 0.0
        wide = [0.1, 1, 1e6, 1e-6][k // 150]
        y = v + r.gauss(0, 1) * wide * abs(v) if k % 97 else v
        out.append({"value": v, "label": y, "interval": i.interval(v)})
        i.learn_number(v, y)
    return out


def classes(level, seed):
    r, s, out = random.Random(seed), Sets(level), []
    for k in range(600):
        p = [r.random() ** 4 + 1e-9 for _ in range(4)]
        p = [x / sum(p) for x in p]
        y = r.choices(range(4), p if k < 300 else [1 - x for x in p])[0]
        out.append({"probabilities": p, "class": y, "set": s.set(p)})
        s.learn_class(p, y)
    return out


print(json.dumps({"numbers": {str(a): numbers(a, 1) for a in (0.8, 0.9, 0.99)}, "classes": {str(a): classes(a, 2) for a in (0.8, 0.9, 0.99)}}))
