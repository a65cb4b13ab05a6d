"""Three machines in namespaces of this one with public addresses on real interfaces, the distribution's event scripts, and
somebody outside who talks to the addresses (ctdb-behaviour.md 6). The daemon is ours or the packaged one; the files are
the same.

The cluster has a cable of its own (eth0), the public addresses another one (eth1), so that each can be cut alone. What
is asked of them stands in addresses_test.py and failover_test.py.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import samba_cluster
from samba_cluster import Failed, Machine, eventually, only_child, run

PUBLIC = [f"10.79.0.{101 + number}" for number in range(3)]
PUBLIC6 = [f"fd79::{101 + number}" for number in range(3)]
SCRIPTS = Path("/usr/share/ctdb/events/legacy")
PORT = 4500

# On every machine: whoever asks is told where he is.
ECHO = f"""
import socket, sys
here = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) # of both families
here.bind(("", {PORT}))
while True:
    here.sendto(sys.argv[1].encode(), here.recvfrom(64)[1])
"""
# Outside: asks an address again and again; each line is the time and who answered.
ASK = f"""
import socket, sys, time
asker = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(0.02)
while True:
    try:
        asker.sendto(b"?", (sys.argv[1], {PORT}))
        print(time.monotonic(), asker.recvfrom(64)[0].decode(), flush=True)
        time.sleep(0.005)
    except OSError:
        pass
"""


class Node:
    def __init__(self, cluster, pnn):
        self.cluster, self.pnn = cluster, pnn
        self.address = f"10.78.0.{pnn + 1}"
        self.base = cluster.directory / f"node.{pnn}"
        self.daemon = None

    def power_on(self):
        for directory in ("logs", "var.ctdb/volatile", "var.ctdb/persistent", "var.ctdb/state", "etc.ctdb/events/legacy"):
            (self.base / directory).mkdir(parents=True)
        etc = self.base / "etc.ctdb"
        (etc / "nodes").write_text("".join(f"{node.address}\n" for node in self.cluster.nodes))
        (etc / "ctdb.conf").write_text(f"[logging]\n    location = file:{self.base}/logs/ctdb\n    log level = INFO\n"
                                       "[legacy]\n    realtime scheduling = false\n")
        if self.cluster.key:
            (etc / "totem.conf").write_text(f"[ring]\n    key file = {self.cluster.key}\n")
        (etc / "public_addresses").write_text("".join(f"{ip}/{64 if ':' in ip else 24} eth1\n"
                                                    for ip in self.cluster.public))
        (etc / "ctdb.tunables").write_text("MonitorInterval = 1\n")
        shutil.copy("/etc/ctdb/functions", etc / "functions")
        for name in "00.ctdb", "10.interface":
            (etc / f"events/legacy/{name}.script").symlink_to(SCRIPTS / f"{name}.script")
        self.machine = Machine(f"node{self.pnn}")
        self.machine.give_directories(self.base)
        self.machine.ip("link", "set", "lo", "up")
        for number in range(2):
            self.cluster.plug_in(self.machine, self.pnn, number)
        self.machine.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self.machine.ip("address", "add", f"10.79.0.{self.pnn + 1}/24", "dev", "eth1")
        self.machine.ip("address", "add", f"fd79::{self.pnn + 1}/64", "dev", "eth1", "nodad")
        self.echo = subprocess.Popen(self.machine.inside(samba_cluster.PYTHON, "-c", ECHO, str(self.pnn)))

    def start(self):
        with open(self.base / "logs/ctdb.stdout", "a") as output:
            self.daemon = subprocess.Popen(self.machine.inside(self.cluster.daemon, "-i"), stdout=output, stderr=output,
                                           stdin=subprocess.DEVNULL)

    def signal(self, number):
        os.kill(only_child(self.daemon.pid), number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.daemon.wait(20)
        self.daemon = None

    def ctdb(self, *words, check=True):
        return run(self.machine.inside("ctdb", *words), check=check).stdout

    def has(self):
        """The public addresses that are on its interface."""
        out = run(self.machine.inside("ip", "-o", "address", "show", "dev", "eth1")).stdout
        return [ip for ip in re.findall(r"inet6? ([0-9a-f.:]+)/", out) if ip in self.cluster.public]

    def healthy(self):
        lines = self.ctdb("-X", "nodestatus", "all", check=False).splitlines()[1:]
        return sum(line.split("|")[3:11] == ["0"] * 8 for line in lines)


class AddressCluster:
    """`daemon`: the program. Whoever makes it stops it; ours also needs a key, the packaged one has none."""

    def __init__(self, daemon, keygen=None, public=PUBLIC):
        self.daemon = daemon
        self.public = public
        self.directory = Path(tempfile.mkdtemp(prefix="totem-addresses."))
        self.directory.chmod(0o755)
        self.key = keygen and self.directory / "cluster.key"
        if self.key:
            run([keygen, self.key])
        self.nodes = []
        for pnn in range(3):
            self.nodes.append(Node(self, pnn))
        self.outside = Machine("outside")
        self.outside.ip("link", "set", "lo", "up")
        for number, address in enumerate(("10.78.0.100", "10.79.0.100")):
            self.outside.ip("link", "add", f"bridge{number}", "type", "bridge", "mcast_snooping", "0")
            self.outside.ip("address", "add", f"{address}/24", "dev", f"bridge{number}")
            self.outside.ip("address", "add", f"fd{78 + number}::100/64", "dev", f"bridge{number}", "nodad")
            self.outside.ip("link", "set", f"bridge{number}", "up")
        for node in self.nodes:
            node.power_on()

    def plug_in(self, machine, port, number):
        end = f"to{port}.{number}"
        run(["nsenter", "--target", self.outside.first, "--net", "ip", "link", "add", end, "type", "veth", "peer", "name",
             f"eth{number}", "netns", machine.first])
        self.outside.ip("link", "set", end, "master", f"bridge{number}")
        self.outside.ip("link", "set", end, "up")
        machine.ip("link", "set", f"eth{number}", "up")

    def start(self):
        for node in self.nodes:
            if node.daemon is None:
                node.start()
        for node in self.nodes:
            eventually(f"node {node.pnn} sees three healthy nodes", lambda node=node: node.healthy() == 3)

    def cut_off(self, pnn):
        """Both cables of a machine are pulled out, as if it had no power any more."""
        for number in range(2):
            self.outside.ip("link", "set", f"to{pnn}.{number}", "nomaster")

    def where(self):
        """Address to the machines that have it."""
        has = {node.pnn: node.has() for node in self.nodes}
        return {ip: [pnn for pnn, there in has.items() if ip in there] for ip in self.public}

    def stop(self):
        for node in self.nodes:
            node.machine.power_off([process for process in (node.daemon, node.echo) if process])
        self.outside.power_off([])
        shutil.rmtree(self.directory, ignore_errors=True)

    def tails(self):
        return "\n".join(f"--- node {node.pnn}\n" + "\n".join((node.base / "logs/ctdb").read_text().splitlines()[-40:])
                         for node in self.nodes if (node.base / "logs/ctdb").exists())


class Watch(threading.Thread):
    """Looks again and again whether an address is on two machines."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.twice, self.looks, self.over = cluster, [], 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            # Two looks at the same machines around each other's: an address that moved between them is not on two.
            first, second = self.cluster.where(), self.cluster.where()
            self.looks += 1
            for ip in self.cluster.public:
                both = set(first[ip]) & set(second[ip])
                if len(both) > 1:
                    self.twice.append((ip, first[ip], second[ip]))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Asker:
    """Somebody outside who wants to know who has an address."""

    def __init__(self, cluster, ip):
        self.process = subprocess.Popen(cluster.outside.inside(samba_cluster.PYTHON, "-c", ASK, ip), stdout=subprocess.PIPE, text=True)

    def until(self, condition, seconds=30):
        """The time of the first answer for which this is so."""
        limit = threading.Timer(seconds, self.process.kill)
        limit.start()
        try:
            for line in self.process.stdout:
                when, who = line.split()
                if condition(int(who)):
                    return float(when)
            raise Failed(f"nobody like that answers within {seconds} s")
        finally:
            limit.cancel()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


