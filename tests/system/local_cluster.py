"""A cluster of daemons on this machine's loopback: the packaged ctdbd or ours, in CTDB's test mode, the same files for
both (ctdb-behaviour.md 7.10).

Every node is a directory (CTDB_BASE) and a process; the nodes' addresses are 127.x.y.1, .2, ... with x and y of this
process, so that several clusters may live side by side. What is done with a cluster is not known here.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("TOTEM_BIN", ROOT / "build/release/bin"))
PACKAGED = Path("/usr/sbin/ctdbd")


def packaged_is_here():
    return PACKAGED.exists() and shutil.which("ctdb") is not None


class ClusterError(Exception):
    pass


class LocalCluster:
    """`kind` is "packaged" or "ours"; `number` tells the clusters of one process apart."""

    def __init__(self, kind, nodes=3, number=0, directory=None, options=None, prefix=()):
        self.kind = kind
        self.nodes = range(nodes)
        self.number = number
        self.options = options or {}  # more lines of a section of ctdb.conf
        self.prefix = list(prefix)  # of the daemons' command lines
        self.directory = Path(directory or tempfile.mkdtemp(prefix=f"ctdb-{kind}."))
        self.processes = {}
        for node in self.nodes:
            self._make_node(node)
        if kind == "ours":
            subprocess.run([BIN / "totem-keygen", self.directory / "cluster.key"], check=True, capture_output=True)

    # -- names

    def base(self, node):
        return self.directory / f"node.{node}"

    def socket(self, node):
        return str(self.base(node) / "run/ctdbd.socket")

    def sockets(self):
        return [self.socket(node) for node in self.nodes]

    def address(self, node):
        place = os.getpid() * 2 + self.number
        return f"127.{64 + place // 250 % 128}.{1 + place % 250}.{node + 1}"

    def environment(self, node):
        return {**os.environ, "CTDB_TEST_MODE": "1", "CTDB_BASE": str(self.base(node))}

    # -- files

    def _make_node(self, node):
        base = self.base(node)
        for directory in ("run", "var", "share", "events/legacy", "db/volatile", "db/persistent", "db/state"):
            (base / directory).mkdir(parents=True)
        sections = {
            "logging": [f"location = file:{base}/log.ctdb", "log level = NOTICE"],
            "cluster": [f"node address = {self.address(node)}", f"recovery lock = {self.directory}/cluster.lock"],
            "database": [f"{kind} database directory = {base}/db/{kind}" for kind in ("volatile", "persistent", "state")],
        }
        for section, lines in self.options.items():
            sections.setdefault(section, []).extend(lines)
        text = "".join(f"[{name}]\n" + "".join(f"    {line}\n" for line in lines) for name, lines in sections.items())
        (base / "ctdb.conf").write_text(text)
        (base / "nodes").write_text("".join(self.address(n) + "\n" for n in self.nodes))
        script = base / "events/legacy/00.test.script"
        script.write_text("#!/bin/sh\nexit 0\n")
        script.chmod(0o755)
        if self.kind == "ours":
            group = ".".join(["239.192"] + self.address(0).split(".")[1:3])
            (base / "totem.conf").write_text(
                f"[ring]\n    key file = {self.directory}/cluster.key\n    multicast group = {group}\n")

    # -- life

    def start(self, nodes=None):
        for node in self.nodes if nodes is None else nodes:
            program = PACKAGED if self.kind == "packaged" else BIN / "ctdbd"
            output = open(self.base(node) / "output", "a")
            self.processes[node] = subprocess.Popen([*self.prefix, program, "-i"], env=self.environment(node), stdin=subprocess.DEVNULL,
                                                    stdout=output, stderr=output)
            output.close()

    def pid(self, node):
        return self.processes[node].pid

    def wait_until_healthy(self, seconds=60, again=False):
        """All nodes see all nodes without flags, and serve; `again`: those that end meanwhile are started again."""
        deadline = time.monotonic() + seconds
        for node in self.nodes:
            while not self._is_healthy(node):
                if time.monotonic() > deadline:
                    raise ClusterError(f"{self.kind}: node {node} does not see a healthy cluster\n{self.tool(node, 'status').stdout}")
                if again:
                    self.start_again()
                time.sleep(0.1)  # only another process knows

    def start_again(self):
        """Those that ended by themselves: the packaged daemon does, some seconds long, if it is started after a SIGKILL, since
        its event daemon is still there (ctdb-behaviour.md 9, pain 19)."""
        self.start([node for node, process in self.processes.items() if process.poll() is not None])

    def _is_healthy(self, node):
        if self.tool(node, "runstate", "running").returncode != 0:
            return False
        lines = self.tool(node, "-X", "nodestatus", "all").stdout.splitlines()[1:]
        return len(lines) == len(self.nodes) and all(line.split("|")[3:11] == ["0"] * 8 for line in lines)

    def kill(self, node):
        process = self.processes.pop(node)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def buried(self, node):
        """Somebody else has killed it."""
        self.processes.pop(node).wait()

    def tool(self, node, *arguments, stdin=None, timeout=60):
        """The packaged ctdb tool, talking to this node's daemon."""
        return subprocess.run(["ctdb", *map(str, arguments)], env=self.environment(node), input=stdin or "",
                              capture_output=True, text=True, timeout=timeout)

    def stop(self, keep=False):
        for process in self.processes.values():
            process.terminate()
        for node, process in self.processes.items():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def logs(self, lines=15):
        return "".join(f"--- {self.kind}, node {node}\n" + "\n".join((self.base(node) / name).read_text().splitlines()[-lines:]) + "\n"
                       for node in self.nodes for name in ("log.ctdb", "output") if (self.base(node) / name).exists())
