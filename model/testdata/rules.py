#!/usr/bin/env python3
"""Writes rules.json: update rules and losses that came after reference.py's, on the same stream.

    python3 -m venv venv && venv/bin/pip install torch scikit-learn scipy river vowpalwabbit parameterfree
    venv/bin/python model/testdata/rules.py

AMSGrad, Adadelta and the losses of counts and quantiles are PyTorch's. The rules of linear models and COCOB are
written here from their papers, in float64, as plainly as the papers do; where River, Vowpal Wabbit and parameterfree, by
COCOB's author, have them, the script stops unless they agree.
"""

import json
import math
import platform

import numpy
import parameterfree
import river
import river.linear_model
import river.optim
import torch
import vowpalwabbit
from reference import BINARY, CLASSES, HERE, NUMBERS, ROWS, UPDATES, WIDTH, X, Standardiser, build, short, tensors
from scipy.special import expit, lambertw

COUNTS = numpy.floor(numpy.exp((NUMBERS - 200) / 60)).clip(0, 20)
# Importances of events, for the rule that takes them in closed form.
WEIGHTS = [1.0, 2.0, 0.5, 7.0, 1.5]
# Columns of very different scales.
UNSCALED = X * numpy.array([1000, 0.001, 1, 50, 0.1], dtype=numpy.float32)


class COCOB(torch.optim.Optimizer):
    """Orabona, Tommasi 2017, Algorithm 2 (COCOB-Backprop), α = 100."""

    def __init__(self, groups, alpha=100):
        super().__init__(groups, {"weight_decay": 0.0})
        self.alpha = alpha

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                c = -(p.grad + group["weight_decay"] * p).double()
                s = self.state[p]
                if not s:
                    s.update(start=p.clone(), L=torch.zeros_like(c), G=torch.zeros_like(c), R=torch.zeros_like(c), theta=torch.zeros_like(c))
                s["L"] = torch.maximum(s["L"], c.abs())
                s["G"] += c.abs()
                s["R"] = torch.clamp(s["R"] + (p - s["start"]).double() * c, min=0)
                s["theta"] += c
                bet = s["theta"] / (s["L"] * torch.maximum(s["G"] + s["L"], self.alpha * s["L"])) * (s["L"] + s["R"])
                p.copy_(s["start"] + torch.nan_to_num(bet).float())


def optimizer_of(spec, weights, biases):
    o, decay = spec["optimizer"], spec.get("l2", 0.0)
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    if o["type"] == "amsgrad":
        return torch.optim.Adam(groups, lr=o["rate"], amsgrad=True)
    if o["type"] == "adadelta":
        return torch.optim.Adadelta(groups, lr=o["rate"])
    if o["type"] == "cocob":
        return COCOB(groups)
    return torch.optim.SGD(groups, lr=o["rate"])


def loss_of(spec, z, target):
    if spec["loss"] == "cross_entropy":
        if z.shape[1] == 1:
            return torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], target.float())
        return torch.nn.functional.cross_entropy(z, target)
    if spec["loss"] == "poisson":
        return torch.nn.functional.poisson_nll_loss(z[:, 0], target, log_input=True, full=False)
    if spec["loss"] == "quantile":
        r, q = target - z[:, 0], spec["quantile"]
        return torch.where(r == 0, 0 * r, torch.maximum(q * r, (q - 1) * r)).mean()  # 0 at the kink
    return torch.nn.functional.mse_loss(z[:, 0], target) / 2


def torch_run(name, spec, classes):
    outputs = {0: 1, 2: 1 if spec["type"] == "logistic" else 2, 3: 3}[classes]
    net, batch = build(spec, outputs), spec.get("batch", 1)
    first = tensors(net)
    layers = [m for m in net if isinstance(m, torch.nn.Linear)]
    optimizer = optimizer_of(spec, [m.weight for m in layers], [m.bias for m in layers])
    scale, losses, counts = Standardiser(), [], spec["loss"] == "poisson"
    for update in range(UPDATES):
        rows = [(update * batch + i) % ROWS for i in range(batch)]
        z = net(torch.from_numpy(X[rows]))
        if classes == 0:
            # The loss written down is half the squared error in the label's own units, before learning.
            errors, target = [], []
            for i, row in enumerate(rows):
                y = COUNTS[row] if counts else NUMBERS[row]
                output = float(z[i, 0].detach())
                errors.append(((math.exp(output) if counts else scale.restore(output)) - y) ** 2 / 2)
                target.append(y if counts else scale.learn(y))
            loss = loss_of(spec, z, torch.tensor(target, dtype=torch.float32))
            losses.append(sum(errors) / batch)
        else:
            loss = loss_of(spec, z, torch.from_numpy((BINARY if classes == 2 else CLASSES)[rows]))
            losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        if "clip" in spec:
            torch.nn.utils.clip_grad_norm_(net.parameters(), spec["clip"])
        optimizer.step()
    return {"name": name, "spec": spec, "classes": classes, "first": first, "last": tensors(net), "losses": short(losses)}


def torch_runs():
    rules = {"amsgrad": {"type": "amsgrad", "rate": 0.01}, "adadelta": {"type": "adadelta", "rate": 1.0}, "cocob": {"type": "cocob"}}
    for name, rule in rules.items():
        mlp = {"type": "mlp", "hidden": [6, 4], "activation": "tanh", "loss": "cross_entropy", "optimizer": rule}
        yield torch_run(f"mlp-{name}", mlp, 3)
        yield torch_run(f"mlp-{name}-batch8-l2-clip", mlp | {"batch": 8, "l2": 0.01, "clip": 0.3}, 3)
        linear = {"type": "logistic", "loss": "cross_entropy", "optimizer": rule, "l2": 0.001}
        yield torch_run(f"logistic-{name}", linear, 2)
        yield torch_run(f"softmax-{name}", linear, 3)
    sgd = {"type": "sgd", "rate": 0.02}
    for loss in ({"loss": "quantile", "quantile": 0.8}, {"loss": "poisson"}):
        yield torch_run(f"linear-{loss['loss']}", {"type": "linear", "optimizer": sgd} | loss, 0)
        mlp = {"type": "mlp", "hidden": [6], "activation": "tanh", "optimizer": sgd} | loss
        yield torch_run(f"mlp-{loss['loss']}", mlp, 0)
        yield torch_run(f"mlp-{loss['loss']}-batch8", mlp | {"batch": 8}, 0)


class FTRL:
    """FTRL-Proximal, McMahan et al. 2013, Algorithm 1, penalties on weights but not on the bias (the last column)."""

    def __init__(self, spec, columns, outputs):
        o = spec["optimizer"]
        self.alpha, self.beta = o["rate"], o["beta"]
        self.l1 = numpy.full((columns, outputs), spec.get("l1", 0.0))
        self.l2 = numpy.full((columns, outputs), spec.get("l2", 0.0))
        self.l1[-1], self.l2[-1] = 0, 0
        self.z, self.n, self.w = (numpy.zeros((columns, outputs)) for _ in range(3))

    def input(self, x):
        return x

    def step(self, x, z, slope, importance, side):
        g = numpy.outer(x, slope(z) * importance)
        sigma = (numpy.sqrt(self.n + g * g) - numpy.sqrt(self.n)) / self.alpha
        self.z += g - sigma * self.w
        self.n += g * g
        shrunk = -(self.z - numpy.sign(self.z) * self.l1) / ((self.beta + numpy.sqrt(self.n)) / self.alpha + self.l2)
        self.w = numpy.where(numpy.abs(self.z) <= self.l1, 0, shrunk)

    def kept(self):
        return self.w


class NAG:
    """Ross, Mineiro, Langford 2013, Algorithm 2, with the weights as the paper has them."""

    def __init__(self, spec, columns, outputs):
        self.rate = spec["optimizer"]["rate"]
        self.w, self.G = numpy.zeros((columns, outputs)), numpy.zeros((columns, outputs))
        self.s, self.N, self.t = numpy.zeros(columns), 0.0, 0

    def input(self, x):
        larger = numpy.abs(x) > self.s
        ratio = numpy.where(larger, self.s / numpy.where(larger, numpy.abs(x), 1), 1)
        self.w *= ratio[:, None]
        self.s = numpy.maximum(self.s, numpy.abs(x))
        return x

    def step(self, x, z, slope, importance, side):
        seen = self.s > 0
        self.t += 1
        self.N += float(((x[seen] / self.s[seen]) ** 2).sum())
        g = numpy.outer(x, slope(z) * importance)
        self.G += g * g
        scale = numpy.where(self.G > 0, numpy.sqrt(self.G), 1) * numpy.where(seen, self.s, 1)[:, None]
        self.w -= self.rate * math.sqrt(self.t / self.N) * g / scale

    def kept(self):
        """The package keeps s·w."""
        return self.w * self.s[:, None]


class SGD:
    """normalized: rate·g/‖x‖²; importance_aware: Karampatziakis, Langford 2011, Table 1. L2 is part of the gradient."""

    def __init__(self, spec, columns, outputs):
        self.spec, self.rate, self.decay = spec, spec["optimizer"]["rate"], numpy.full((columns, 1), spec.get("l2", 0.0))
        self.decay[-1] = 0
        self.w = numpy.zeros((columns, outputs))

    def input(self, x):
        return x

    def step(self, x, z, slope, importance, side):
        xx = float(x @ x)
        if self.spec["optimizer"]["type"] == "normalized":
            s = self.rate * slope(z) * importance / xx
        else:
            s = self.closed(z, importance * self.rate, xx, side)
        self.w -= numpy.outer(x, s) + self.rate * self.decay * self.w

    def closed(self, p, h, xx, y):
        loss = self.spec["loss"]
        if loss == "squared":
            return (p - y) / xx * (1 - numpy.exp(-h * xx))
        if loss == "hinge":
            return numpy.where(y * p < 1, -y * numpy.minimum(h, (1 - y * p) / xx), 0)
        if loss == "quantile":
            q = self.spec["quantile"]
            above = -q * numpy.minimum(h, (y - p) / (q * xx))
            below = (1 - q) * numpy.minimum(h, (p - y) / ((1 - q) * xx))
            return numpy.where(y > p, above, below)
        w = lambertw(numpy.exp(h * xx + y * p + numpy.exp(y * p))).real
        return (w - h * xx - numpy.exp(y * p)) / (y * xx)

    def kept(self):
        return self.w


class Adaptive(SGD):
    """SGD whose rate follows the gradient of the loss by the log of the rate (Schraudolph 1999, with one gain)."""

    def __init__(self, spec, columns, outputs):
        super().__init__(spec, columns, outputs)
        self.h, self.square, self.t = numpy.zeros((columns, outputs)), 0.0, 0

    def step(self, x, z, slope, importance, side):
        d, xh, xx = slope(z) * importance, x @ self.h, float(x @ x)
        along, self.t = -float((d * xh).sum()), self.t + 1
        size = min(along**2, 100 * self.square) if self.square > 0 else along**2
        self.square += (size - self.square) / min(self.t, 1000)
        c = min(max(along / math.sqrt(self.square), -3), 3) if self.square > 0 else 0.0
        self.rate = min(max(self.rate * (1 + 0.005 * c), 1e-4), 16)
        if self.spec["loss"] == "squared":
            curvature, most = 1.0, 1.0
        else:
            p = expit(z) if len(z) == 1 else numpy.exp(z - numpy.logaddexp.reduce(z))
            curvature, most = p * (1 - p), 0.25
        a = min(self.rate, 4, 1 / (most * xx * max(1, importance)))
        self.h -= numpy.outer(x, a * (importance * curvature * xh + d))
        self.w -= a * (numpy.outer(x, d) + self.decay * self.w)


SETTLED = 32  # labels that are known before their moments go by weight


def linear_run(name, spec, classes, data=X, weighted=False):
    """Learns with the rules of this file; side is the target as the loss has it: ±1 for classes."""
    outputs = {0: 1, 2: 1, 3: 3}[classes]
    rule = {"ftrl": FTRL, "normalized_adaptive": NAG, "sgd": Adaptive}.get(spec["optimizer"]["type"], SGD)(spec, WIDTH + 1, outputs)
    scale, losses = Standardiser(), []
    for i in range(UPDATES):
        x = rule.input(numpy.append(data[i].astype(numpy.float64), 1))
        z = x @ rule.w
        importance = WEIGHTS[i % len(WEIGHTS)] if weighted else 1.0
        if classes == 0:
            losses.append((scale.restore(z[0]) - NUMBERS[i]) ** 2 / 2)
            scale.count += importance  # weighted: an event of weight h counts h times
            if i < SETTLED:  # but for the first ones, whose weights only add up
                first = numpy.array(NUMBERS[: i + 1])
                scale.mean, scale.squares = first.mean(), first.var() * scale.count
            else:
                delta = NUMBERS[i] - scale.mean
                scale.mean += delta * importance / scale.count
                scale.squares += importance * delta * (NUMBERS[i] - scale.mean)
            side = (NUMBERS[i] - scale.mean) / scale.deviation() if scale.squares > 0 else 0.0
            slope = lambda z: z - side
        elif spec["loss"] == "hinge":
            labels = BINARY if classes == 2 else CLASSES
            hit = numpy.array([labels[i] == 1]) if classes == 2 else numpy.arange(classes) == labels[i]
            side = numpy.where(hit, 1.0, -1.0)
            losses.append(numpy.maximum(0, 1 - side * z).sum())
            slope = lambda z: numpy.where(side * z < 1, -side, 0)
        elif classes == 2:
            side = 1.0 if BINARY[i] == 1 else -1.0
            losses.append(numpy.logaddexp(0, -side * z[0]))
            slope = lambda z: -side * expit(-side * z)
        else:
            hit, side = numpy.arange(classes) == CLASSES[i], None
            losses.append(numpy.logaddexp.reduce(z) - z[CLASSES[i]])
            slope = lambda z: numpy.exp(z - numpy.logaddexp.reduce(z)) - hit
        rule.step(x, z, slope, importance, side)
    kept = rule.kept()
    last = {"layers.0.weight": short(kept[:-1]), "layers.0.bias": short(kept[-1])}
    run = {"name": name, "spec": spec, "classes": classes, "last": last, "losses": short(losses)}
    if weighted:
        run["weights"] = WEIGHTS
    if data is UNSCALED:
        run["unscaled"] = True
    return run


def linear_runs():
    ftrl = {"optimizer": {"type": "ftrl", "rate": 0.3, "beta": 0.5}}
    nag = {"optimizer": {"type": "normalized_adaptive", "rate": 0.5}}
    nlms = {"optimizer": {"type": "normalized", "rate": 0.7}, "l2": 0.01}
    aware = {"optimizer": {"type": "importance_aware", "rate": 0.1}, "l2": 0.001}
    adaptive = {"optimizer": {"type": "sgd", "rate": 0.1, "schedule": "adaptive"}, "l2": 0.001}
    logistic = {"type": "logistic", "loss": "cross_entropy"}
    squared = {"type": "linear", "loss": "squared"}
    for name, rule in (("ftrl", ftrl), ("ftrl-l1-l2", ftrl | {"l1": 1.5, "l2": 0.5}), ("nag", nag), ("normalized", nlms)):
        yield linear_run(f"logistic-{name}", logistic | rule, 2)
        yield linear_run(f"softmax-{name}", logistic | rule, 3)
        yield linear_run(f"linear-{name}", squared | rule, 0)
    for name, rule in (("nag", nag), ("normalized", nlms)):
        yield linear_run(f"logistic-{name}-unscaled", logistic | rule, 2, data=UNSCALED)
        yield linear_run(f"linear-{name}-unscaled", squared | rule, 0, data=UNSCALED)
    for weighted in (False, True):
        tail = "-weighted" if weighted else ""
        yield linear_run(f"logistic-adaptive{tail}", logistic | adaptive, 2, weighted=weighted)
        yield linear_run(f"softmax-adaptive{tail}", logistic | adaptive, 3, weighted=weighted)
        yield linear_run(f"linear-adaptive{tail}", squared | adaptive, 0, weighted=weighted)
    yield linear_run("linear-adaptive-unscaled", squared | adaptive, 0, data=UNSCALED)
    svm = {"type": "svm", "loss": "hinge", "c": 1.0}
    for weighted in (False, True):
        tail = "-weighted" if weighted else ""
        yield linear_run(f"logistic-aware{tail}", logistic | aware, 2, weighted=weighted)
        yield linear_run(f"linear-aware{tail}", squared | aware, 0, weighted=weighted)
        yield linear_run(f"quantile-aware{tail}", squared | {"loss": "quantile", "quantile": 0.3} | aware, 0, weighted=weighted)
        yield linear_run(f"hinge-aware{tail}", svm | aware, 2, weighted=weighted)
        yield linear_run(f"hinge-rest-aware{tail}", svm | aware, 3, weighted=weighted)


def agree_quietly(got, want, tolerance):
    if not numpy.allclose(got, want, rtol=0, atol=tolerance):
        raise SystemExit(f"{got} is not {want}")


def agree(what, got, want, tolerance):
    worst = float(numpy.max(numpy.abs(numpy.asarray(got) - numpy.asarray(want))))
    print(f"{what}: differs by at most {worst:.2g}")
    if not worst <= tolerance:
        raise SystemExit(f"{what} disagrees")


def check_river():
    """River's optimizer, given the gradients: its linear models take them at weights one event old."""
    optimizer, w = river.optim.FTRLProximal(alpha=0.3, beta=0.5, l1=0.0, l2=0.5), {}
    ours = FTRL({"optimizer": {"rate": 0.3, "beta": 0.5}, "l2": 0.5}, WIDTH, 1)
    ours.l2[-1] = 0.5  # no bias here
    for i in range(UPDATES):
        x = X[i].astype(numpy.float64)
        z, side = x @ ours.w, 1.0 if BINARY[i] == 1 else -1.0
        slope = lambda z: -side * expit(-side * z)
        w = optimizer.step(w, dict(enumerate(x * slope(z)[0])))
        agree_quietly([w.get(k, 0.0) for k in range(WIDTH)], ours.w[:, 0], 1e-9)
        ours.step(x, z, slope, 1.0, side)
    agree("FTRL of River", [optimizer.z[k] for k in range(WIDTH)], ours.z[:, 0], 1e-9)


def check_parameterfree():
    """Weights of a network after 100 updates by both; parameterfree starts L at eps."""
    spec = {"type": "mlp", "hidden": [6], "activation": "tanh"}
    last = []
    for make in (lambda p: COCOB([{"params": p}]), lambda p: parameterfree.COCOB(p, eps=1e-12)):
        net = build(spec, 3)
        optimizer = make(list(net.parameters()))
        for i in range(UPDATES):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.from_numpy(X[i : i + 1])), torch.tensor([CLASSES[i]])).backward()
            optimizer.step()
        last.append(numpy.concatenate([p.detach().numpy().ravel() for p in net.parameters()]))
    agree("COCOB of parameterfree", last[1], last[0], 1e-5)


def check_vw():
    """Predictions of Vowpal Wabbit with its importance-aware updates; its logistic one approximates Lambert's W."""
    for loss, factor, tolerance in (("logistic", 1.0, 2e-3), ("squared", 0.5, 1e-4), ("hinge", 1.0, 1e-4)):
        rate = 0.1
        vw = vowpalwabbit.Workspace(f"--invariant --power_t 0 -l {rate * factor} --loss_function {loss} --quiet --min_prediction -50 --max_prediction 50")
        ours = SGD({"optimizer": {"type": "importance_aware", "rate": rate}, "loss": loss}, WIDTH + 1, 1)
        theirs, mine = [], []
        for i in range(UPDATES):
            x = numpy.append(X[i].astype(numpy.float64), 1)
            side, importance = (1 if BINARY[i] == 1 else -1), WEIGHTS[i % len(WEIGHTS)]
            text = " ".join(f"{j}:{v:.9g}" for j, v in enumerate(X[i]))
            theirs.append(vw.predict(f"| {text}", prediction_type=vowpalwabbit.PredictionType.SCALAR))
            vw.learn(f"{side} {importance} | {text}")
            z = x @ ours.w
            mine.append(z[0])
            ours.step(x, z, None, importance, side)
        agree(f"{loss} of Vowpal Wabbit", theirs, mine, tolerance)


if __name__ == "__main__":
    torch.set_num_threads(1)
    check_river()
    check_vw()
    check_parameterfree()
    data = {"x": [short(r) for r in X], "unscaled": [short(r) for r in UNSCALED], "binary": BINARY.tolist(), "classes": CLASSES.tolist(),
            "numbers": short(NUMBERS), "counts": short(COUNTS)}
    versions = {"python": platform.python_version(), "numpy": numpy.__version__, "torch": torch.__version__,
                "river": river.__version__, "vowpalwabbit": vowpalwabbit.__version__}
    runs = [json.dumps(r, separators=(",", ":")) for r in [*torch_runs(), *linear_runs()]]
    text = json.dumps({"made_by": "rules.py", "versions": versions, "data": data}, separators=(",", ":"))[:-1]
    (HERE / "rules.json").write_text(text + ',"runs":[\n' + ",\n".join(runs) + "\n]}\n")
