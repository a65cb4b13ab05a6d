#!/usr/bin/env python3
"""Measures our ctdbd beside the packaged one: the same clients do the same work on three nodes each, taking turns in one
run, and the figures and their ratios are printed (docs/performance_ctdb.md).

  scripts/bench ctdb [--works hot,cold,...] [--rounds 3] [--seconds 3] [--records 1000000] [--json FILE]

Both clusters live on this machine's loopback addresses in CTDB's test mode and stand idle while the other one works.
Outside of test mode both daemons would give themselves real-time priority; here both are given it, unless --no-realtime.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE / "tests/system"))
from local_cluster import BIN, LocalCluster, packaged_is_here  # noqa: E402

KINDS = ("packaged", "ours")
WORKS = ("hot", "cold", "own", "messages", "transactions", "attach")
FAILURES = ("stall", "memory", "stall-full")
# (work, figure): ours must be at least this many times the packaged one's, or at most this part of it, or at most so much.
GOALS = {
    ("hot", "hand-overs"): ("at least", 3),
    ("cold", "migration p50"): ("at most", 0.7),
    ("transactions", "many clients of one database"): ("at least", 3),
    ("transactions", "many clients of own databases"): ("at least", 3),
    **{(work, figure): ("below", 1000)
       for work in ("stall", "stall-full")
       for figure in ("own records", "shared records", "new records", "first lost record", "all lost records")},
}
VICTIM = 2


class Comparison:
    def __init__(self, args):
        self.args = args
        self.clusters = {}
        self.found = {}  # (work, figure) -> kind -> values
        self.units = {}
        self.json = open(args.json, "w") if args.json else None

    def start(self):
        prefix = [] if self.args.no_realtime else ["chrt", "--rr", "1"]
        for number, kind in enumerate(self.args.daemons):
            self.clusters[kind] = LocalCluster(kind, number=number, prefix=prefix)
            self.clusters[kind].start()
        for cluster in self.clusters.values():
            cluster.wait_until_healthy()

    def stop(self, keep):
        for cluster in self.clusters.values():
            cluster.stop(keep)

    # -- measuring

    def bench(self, kind, work, *arguments, nodes=None, name=None, seconds=None):
        cluster = self.clusters[kind]
        sockets = [cluster.socket(node) for node in (nodes or cluster.nodes)]
        command = [BIN / "ctdb-bench", "--json", "--seconds", seconds or self.args.seconds, *arguments, "--socket", *sockets, *work]
        command = [*map(str, command)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise RuntimeError(f"{kind}: {' '.join(command)}: {done.stderr}\n{cluster.logs(5)}")
        for line in done.stdout.splitlines():
            figure = json.loads(line)
            self.note(kind, name or figure["work"], figure["figure"], figure["value"], figure["unit"])

    def note(self, kind, work, figure, value, unit):
        self.found.setdefault((work, figure), {}).setdefault(kind, []).append(value)
        self.units[work, figure] = unit
        if self.json:
            line = {"daemon": kind, "work": work, "figure": figure, "value": value, "unit": unit}
            print(json.dumps(line), file=self.json, flush=True)

    def take_turns(self, measure, name, rounds=None):
        for turn in range(rounds or self.args.rounds):
            for kind in self.args.daemons:
                print(f"  {name}, round {turn + 1}: {kind}", file=sys.stderr, flush=True)
                measure(kind)

    def work(self, name):
        self.take_turns(lambda kind: self.bench(kind, [name]), name)

    def memory(self):
        for kind in self.args.daemons:
            self.bench(kind, ["memory"], "--records", self.args.records)

    def stall(self, name):
        self.take_turns(lambda kind: self.kill_and_return(kind, name), name, 1 if name == "stall-full" else None)

    def kill_and_return(self, kind, name):
        cluster = self.clusters[kind]
        others = [node for node in cluster.nodes if node != VICTIM]
        self.bench(kind, ["stall", "--victim", cluster.socket(VICTIM)], nodes=others, name=name,
                   seconds=self.args.stall_seconds)
        cluster.buried(VICTIM)
        watching = threading.Thread(target=self.bench, args=(kind, ["watch"]),
                                    kwargs={"nodes": others, "name": name + ", return", "seconds": self.args.stall_seconds})
        watching.start()
        cluster.start([VICTIM])
        cluster.wait_until_healthy(120, again=True)
        watching.join()

    # -- telling

    def table(self):
        lines = [f"{'work':<20}{'figure':<40}{'packaged':>14}{'ours':>14}  {'unit':<5}{'ratio':>8}  goal"]
        for (work, figure), by_kind in self.found.items():
            packaged, ours = (statistics.median(by_kind[kind]) if kind in by_kind else None for kind in KINDS)
            ratio = ours / packaged if packaged and ours is not None else None
            lines.append(f"{work:<20}{figure:<40}{self.number(packaged)}{self.number(ours)}  {self.units[work, figure]:<5}"
                         f"{f'{ratio:8.2f}' if ratio is not None else ' ' * 8}  {self.verdict(work, figure, ours, ratio)}".rstrip())
        return "\n".join(lines)

    @staticmethod
    def number(value):
        return f"{'-':>14}" if value is None else f"{value:14.3f}" if abs(value) < 100 else f"{value:14.0f}"

    @staticmethod
    def verdict(work, figure, ours, ratio):
        how, bound = GOALS.get((work, figure), ("", 0))
        value = ours if how == "below" else ratio
        if not how or value is None:
            return ""
        reached = value >= bound if how == "at least" else value <= bound
        return f"{how} {bound}: {'reached' if reached else 'NOT reached'}"


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} x {cpu}, {memory:.0f} GB, Linux {os.uname().release}, "
            f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join(WORKS + FAILURES))
    parser.add_argument("--daemons", default=",".join(KINDS), type=lambda text: [kind for kind in KINDS if kind in text.split(",")],
                        help="only one of them: for a machine that has not the time for both in one run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--stall-seconds", type=float, default=20)
    parser.add_argument("--records", type=int, default=1000000)
    parser.add_argument("--no-realtime", action="store_true")
    parser.add_argument("--json", help="every single figure, as JSON lines, into this file")
    parser.add_argument("--keep", action="store_true", help="leave the clusters' directories behind")
    args = parser.parse_args()
    if not packaged_is_here():
        sys.exit("scripts/bench: the packaged ctdbd is missing: apt-get install ctdb")
    if not args.no_realtime and (os.geteuid() != 0 or not shutil.which("chrt")):
        sys.exit("scripts/bench: real-time priority needs root; --no-realtime does without")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemons end with us
    print(machine())
    comparison = Comparison(args)
    try:
        comparison.start()
        for work in args.works.split(","):
            if work in WORKS:
                comparison.work(work)
            elif work == "memory":
                comparison.memory()
            elif work in FAILURES:
                comparison.stall(work)
            else:
                sys.exit(f"scripts/bench: no work is named {work}; there are {', '.join(WORKS + FAILURES)}")
    finally:
        print(comparison.table(), flush=True)
        comparison.stop(args.keep)


main()
