#!/usr/bin/env python3
"""Measures mini-batches of 100 → 64 → 64 → 10, relu, softmax, Adam against PyTorch, one thread each.

    python3 model/testdata/measure_batch.py                      # with torch, any version whose Adam can be fused
    python3 model/testdata/measure_batch.py BEFORE AFTER         # binaries made by go test -c ./model

Both sides predict and learn the same number of events an update: PyTorch forward, cross-entropy, backward and a step of
fused Adam on a batch that is a tensor already; BenchmarkBatch predicts every event and then learns it. They take turns, and
what is counted is the processor time of each, so that others at work on the machine matter little; ratios are of
neighbours, and medians are printed.
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import torch

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 0.5


class Torch:
    """A network of PyTorch and its batches."""

    def __init__(self, batch):
        torch.manual_seed(1)
        layers = [torch.nn.Linear(100, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)]
        self.net, self.loss, self.batch = torch.nn.Sequential(*layers), torch.nn.CrossEntropyLoss(), batch
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=True)
        events = max(256, batch)
        self.x, self.y = torch.randn(events, 100).split(batch), torch.randint(0, 10, (events,)).split(batch)
        self.steps(30)

    def steps(self, n):
        for i in range(n):
            self.adam.zero_grad(set_to_none=True)
            self.loss(self.net(self.x[i % len(self.x)]), self.y[i % len(self.y)]).backward()
            self.adam.step()

    def rate(self):
        """Events a second of processor time."""
        n, begin = 0, time.process_time()
        while time.process_time() - begin < SECONDS:
            self.steps(10)
            n += 10
        return n * self.batch / (time.process_time() - begin)


def ours(binary, batch):
    """Events a second of processor time, of a long run less a short one, as both begin alike."""

    def used(events):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [binary, "-test.run", "^$", "-test.bench", f"^BenchmarkBatch$/^{batch}$", "-test.benchtime", f"{events}x", "-test.cpu", "1"]
        subprocess.run(command, stdout=subprocess.DEVNULL, cwd=HERE.parent, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    few, many = 20 * 1024, 420 * 1024
    return (many - few) / (used(many) - used(few))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="*", help="made by go test -c ./model; without one it is made of this tree")
    parser.add_argument("--batches", default="8,64,1024")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        binaries = [os.path.abspath(b) for b in args.binary]
        if not binaries:
            binaries = [os.path.join(folder, "tree")]
            subprocess.run(["go", "test", "-c", "-o", binaries[0], "."], cwd=HERE.parent, check=True)
        for batch in (int(b) for b in args.batches.split(",")):
            theirs = Torch(batch)
            rows = [(theirs.rate(), *(ours(b, batch) for b in binaries)) for _ in range(args.rounds)]
            print(f"batch {batch}: torch {statistics.median(r[0] for r in rows):,.0f} events/s", flush=True)
            for i, binary in enumerate(binaries, 1):
                rate, ratio = statistics.median(r[i] for r in rows), statistics.median(r[i] / r[0] for r in rows)
                print(f"    {os.path.basename(binary)} {rate:,.0f} events/s, {ratio:.2f} times torch", flush=True)


main()
