"""Real ctdbd processes on this machine, and the real ctdb tool that talks to them.

Every Cluster has its own directory, its own addresses below 127, its own ports and multicast group, so that
tests may run side by side, and beside a demo. It ends what it started, by pid, and leaves nothing behind.
Nobody sleeps for a time that is hoped to be long enough: wait_until() asks again until a deadline.

What the tests have in common besides (how a failure is told) is in story.py; packets are in client.py.
"""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import Client

# The programs under test stand there; the first argument of every test.
binaries = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()

healthy = "0|0|0|0|0|0|0|0"  # Disconnected to PartiallyOnline in `ctdb -X nodestatus`
patience = 60  # seconds; a loaded machine may need them, a healthy one does not

# Milliseconds. More than the default of 300: processes of a test machine may not be scheduled for a second, and a
# ring that forms anew is not what most tests are about. Those that are say how long they wait.
token_loss = 1500


def wait_until(condition, what, seconds=patience):
    """Asks until the condition is true and returns what it said; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Result:
    """How a program ended and what it said."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __repr__(self):
        return f"`{' '.join(map(str, self.command))}` exited with {self.code}\nout: {self.out}err: {self.err}"


def run(command, input=None, seconds=60, **more):
    """A program to its end. Bytes that are no UTF-8 survive as surrogates."""
    done = subprocess.run([str(word) for word in command], input=input, timeout=seconds, capture_output=True,
                          encoding="utf-8", errors="surrogateescape", **more)
    return Result(command, done.returncode, done.stdout, done.stderr)


class Addresses:
    """A subnet 127.A.B.0 that no other cluster has while this object lives: the kernel keeps the list, as
    bound sockets. Ports and the multicast group follow from A and B."""

    lock_port = 4399

    def __init__(self):
        while True:
            self.a, self.b = random.randrange(16, 240), random.randrange(1, 255)
            self.held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.held.bind((self.of_node(253), self.lock_port))
                break
            except OSError:
                self.held.close()
        self.port = 10000 + 2 * (self.a * 41 + self.b)  # below the ports that the kernel gives out
        self.token_port = self.port + 1
        self.group = f"239.192.{self.a}.{self.b}"

    def of_node(self, pnn):
        return f"127.{self.a}.{self.b}.{pnn + 1}"

    def release(self):
        self.held.close()


class Node:
    """One daemon: its directory, its process, its tools."""

    def __init__(self, cluster, pnn):
        self.cluster, self.pnn = cluster, pnn
        self.address = cluster.addresses.of_node(pnn)
        self.base = cluster.directory / f"node.{pnn}"
        self.socket = self.base / "run" / "ctdbd.socket"
        self.control = self.base / "run" / "totem.socket"
        self.log = self.base / "log.ctdb"
        self.process = None
        for name in "run", "var", "share", "events/legacy", "db/volatile", "db/persistent", "db/state":
            (self.base / name).mkdir(parents=True)

    def path_of(self, database, kind="volatile"):
        return self.base / "db" / kind / f"{database}.{self.pnn}"

    # -- configuration

    def configure(self, ctdb="", totem="", tunables=None, nodes=None):
        """Writes the configuration; what is given is added to the usual lines."""
        addresses = self.cluster.addresses
        key = f"key file = {self.cluster.key}\n" if self.cluster.key else ""
        self.write("nodes", nodes or "".join(f"{node.address}\n" for node in self.cluster.nodes))
        self.write("ctdb.conf",
                   f"[logging]\nlocation = file:{self.log}\nlog level = INFO\n"
                   f"[cluster]\nnode address = {self.address}\n"
                   f"[database]\nvolatile database directory = {self.base}/db/volatile\n"
                   f"persistent database directory = {self.base}/db/persistent\n"
                   f"state database directory = {self.base}/db/state\n{ctdb}")
        self.write("totem.conf",
                   f"[ring]\nport = {addresses.port}\ntoken port = {addresses.token_port}\n"
                   f"multicast group = {addresses.group}\ntoken loss timeout = {self.cluster.token_loss}\n{key}{totem}")
        if tunables is not None:
            self.write("ctdb.tunables", tunables)

    def write(self, name, text):
        (self.base / name).write_text(text)

    @property
    def environment(self):
        return {**os.environ, "CTDB_TEST_MODE": "1", "CTDB_BASE": str(self.base), "LC_ALL": "C", "TZ": "UTC"}

    # -- life

    def start(self):
        assert self.process is None, f"node {self.pnn} runs already"
        with open(self.base / "stdout", "ab") as output:
            # In test mode the end of a pipe at standard input ends the daemon: it never outlives us.
            self.process = subprocess.Popen([binaries / "ctdbd", "-i"], env=self.environment, stdin=subprocess.PIPE,
                                            stdout=output, stderr=output)

    def try_to_start(self, seconds=patience, **more):
        """For daemons that should refuse: runs one to its end, in the foreground."""
        return run([binaries / "ctdbd", "-i"], env=self.environment, seconds=seconds, stdin=None, **more)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.ended()

    def ended(self, seconds=patience):
        """Waits for the daemon's end; returns its exit status."""
        process, self.process = self.process, None
        status = process.wait(seconds)
        process.stdin.close()
        return status

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Whatever happened before: afterwards there is no process."""
        if self.process is None:
            return
        process, self.process = self.process, None
        try:
            process.send_signal(signal.SIGCONT)
            process.stdin.close()
            process.terminate()
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # -- tools

    def ctdb(self, *words, input=None, seconds=60):
        return run(["ctdb", *words], env=self.environment, input=input, seconds=seconds)

    def must(self, *words, input=None):
        """What the tool says, which has to succeed without a complaint."""
        result = self.ctdb(*words, input=input)
        assert result.code == 0 and result.err == "", f"node {self.pnn}: {result}"
        return result.out

    def client(self):
        return Client(self.socket)

    def totemctl(self, *words):
        return run([binaries / "totemctl", "--socket", self.control, *words])

    def increment(self, database="counters.tdb", key="counter", count=1000, more=()):
        """Starts a client that counts a record up; the caller waits for it."""
        return subprocess.Popen([binaries / "ctdb-bench", "--socket", self.socket, "increment", "--database", database,
                                 "--key", key, "--count", str(count), *more],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def sees(self, count):
        """Whether this node shows that many healthy nodes, itself among them."""
        lines = self.ctdb("-X", "nodestatus", "all").out.splitlines()
        return sum(healthy in line for line in lines) == count and f"|{healthy}|Y|" in "".join(lines)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=25):
        output = self.base / "stdout"
        text = self.log_text() + (output.read_text(errors="replace") if output.exists() else "")
        return "\n".join(text.splitlines()[-lines:])


class Cluster:
    def __init__(self, nodes=3, sealed=True, token_loss=token_loss):
        self.token_loss = token_loss
        self.directory = Path(tempfile.mkdtemp(prefix="totem-system."))
        atexit.register(self.destroy)
        self.addresses = Addresses()
        self.key = self.directory / "cluster.key" if sealed else None
        if sealed:
            made = run([binaries / "totem-keygen", self.key])
            assert made.code == 0, made
        self.nodes = []
        for pnn in range(nodes):
            self.nodes.append(Node(self, pnn))
        for node in self.nodes:
            node.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()

    def __getitem__(self, pnn):
        return self.nodes[pnn]

    def __iter__(self):
        return iter(self.nodes)

    def __len__(self):
        return len(self.nodes)

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_ok()
        return self

    def wait_ok(self, nodes=None, seconds=patience):
        """Until each of these nodes (all of them, if not said) sees all of these healthy, and nobody else."""
        nodes = list(nodes or self.nodes)
        for node in nodes:
            wait_until(lambda: node.sees(len(nodes)), lambda: f"node {node.pnn} does not see {len(nodes)} healthy "
                       f"nodes: {node.ctdb('nodestatus', 'all')}", seconds)

    def tails(self):
        return "\n".join(f"--- the end of node {node.pnn}'s log\n{node.tail()}" for node in self.nodes)

    def destroy(self):
        for node in self.nodes:
            node.stop()
        atexit.unregister(self.destroy)
        self.addresses.release()
        shutil.rmtree(self.directory, ignore_errors=True)
