"""Public addresses on real interfaces: three machines in namespaces of this one, the distribution's event scripts, and
somebody outside who talks to the addresses (ctdb-behaviour.md 6). Whatever happens, no address is ever on two machines.

The ring has a cable of its own (eth0), the public addresses another one (eth1), so that each can be cut alone.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import samba_cluster
from samba_cluster import Failed, Machine, eventually, only_child, run

BIN = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
PUBLIC = [f"10.79.0.{101 + number}" for number in range(3)]
SCRIPTS = Path("/usr/share/ctdb/events/legacy")
PORT = 4500

# On every machine: whoever asks is told where he is.
ECHO = f"""
import socket, sys
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("", {PORT}))
while True:
    here.sendto(sys.argv[1].encode(), here.recvfrom(64)[1])
"""
# Outside: asks an address again and again; each line is the time and who answered.
ASK = f"""
import socket, sys, time
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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
        (etc / "totem.conf").write_text(f"[ring]\n    key file = {self.cluster.key}\n    token loss timeout = 600\n")
        (etc / "public_addresses").write_text("".join(f"{ip}/24 eth1\n" for ip in PUBLIC))
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
        self.echo = subprocess.Popen(self.machine.inside(samba_cluster.PYTHON, "-c", ECHO, str(self.pnn)))

    def start(self):
        output = open(self.base / "logs/ctdb.stdout", "a")
        self.daemon = subprocess.Popen(self.machine.inside(BIN / "ctdbd", "-i"), stdout=output, stderr=output, stdin=subprocess.DEVNULL)

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
        out = run(self.machine.inside("ip", "-o", "-4", "address", "show", "dev", "eth1")).stdout
        return [ip for ip in re.findall(r"inet ([0-9.]+)/", out) if ip in PUBLIC]

    def healthy(self):
        lines = self.ctdb("-X", "nodestatus", "all", check=False).splitlines()[1:]
        return sum(line.split("|")[3:11] == ["0"] * 8 for line in lines)


class AddressCluster:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="totem-addresses."))
        self.directory.chmod(0o755)
        self.key = self.directory / "cluster.key"
        run([BIN / "totem-keygen", self.key])
        self.nodes = []
        for pnn in range(3):
            self.nodes.append(Node(self, pnn))
        self.outside = Machine("outside")
        self.outside.ip("link", "set", "lo", "up")
        for number, address in enumerate(("10.78.0.100", "10.79.0.100")):
            self.outside.ip("link", "add", f"bridge{number}", "type", "bridge", "mcast_snooping", "0")
            self.outside.ip("address", "add", f"{address}/24", "dev", f"bridge{number}")
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

    def where(self):
        """Address to the machines that have it."""
        has = {node.pnn: node.has() for node in self.nodes}
        return {ip: [pnn for pnn, there in has.items() if ip in there] for ip in PUBLIC}

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
            for ip in PUBLIC:
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


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = AddressCluster()
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.cluster.start()
        self.node = self.cluster.nodes
        self.settled()
        self.watch = Watch(self.cluster)
        self.watch.__enter__()
        self.addCleanup(self.judge)

    def judge(self):
        self.watch.__exit__()
        if self._outcome and not self._outcome.success:
            print(self.cluster.tails(), file=sys.stderr)
        self.assertEqual(self.watch.twice, [], "an address was on two machines")
        self.assertGreater(self.watch.looks, 0)

    def settled(self, able=(0, 1, 2)):
        """Every address is on exactly one of these machines, and all daemons say on which."""
        def is_so():
            where = self.cluster.where()
            if not all(len(on) == 1 and on[0] in able for on in where.values()):
                return None
            for node in self.node if hasattr(self, "node") else self.cluster.nodes:
                if node.daemon is None or node.pnn not in able:
                    continue
                said = dict(re.findall(r"^([0-9.]+) (-?\d+)", node.ctdb("ip"), re.M))
                if said != {ip: str(on[0]) for ip, on in where.items()}:
                    return None
            return {ip: on[0] for ip, on in where.items()}
        return eventually(f"every address is on one of {able}", is_so, 40)

    def victim(self):
        """Somebody other than the leader who has an address, and the address."""
        where = self.settled()
        return next((self.node[pnn], ip) for ip, pnn in where.items() if pnn != 0)

    def test_addresses_are_shared_out(self):
        self.assertEqual(sorted(self.settled().values()), [0, 1, 2])

    def test_a_killed_daemon_loses_its_address_to_another_node(self):
        victim, ip = self.victim()
        asker = Asker(self.cluster, ip)
        self.addCleanup(asker.end)
        asker.until(lambda who: who == victim.pnn)
        killed = time.monotonic()
        victim.kill()
        moved = asker.until(lambda who: who != victim.pnn)
        print(f"{1000 * (moved - killed):.0f} ms from SIGKILL to an answer of another node ", end="", file=sys.stderr)
        self.assertEqual(victim.has(), [])
        self.settled([pnn for pnn in range(3) if pnn != victim.pnn])

    def test_a_daemon_that_stands_still_loses_its_address_and_gets_one_again(self):
        victim, ip = self.victim()
        victim.signal(signal.SIGSTOP)
        self.settled([pnn for pnn in range(3) if pnn != victim.pnn])
        self.assertEqual(victim.has(), [])
        victim.signal(signal.SIGCONT)
        os.kill(victim.daemon.pid, signal.SIGCONT)
        self.cluster.start()
        eventually("it has an address again", lambda: len(victim.has()) == 1, 40)
        self.settled()

    def test_a_node_that_is_cut_off_from_the_ring_loses_its_address(self):
        victim, ip = self.victim()
        self.cluster.outside.ip("link", "set", f"to{victim.pnn}.0", "nomaster")
        try:
            self.settled([pnn for pnn in range(3) if pnn != victim.pnn])
            self.assertEqual(victim.has(), [])
        finally:
            self.cluster.outside.ip("link", "set", f"to{victim.pnn}.0", "master", "bridge0")
        self.cluster.start()
        self.settled()

    def test_disabled_and_stopped_nodes_host_nothing(self):
        for leave, back in ("disable", "enable"), ("stop", "continue"):
            with self.subTest(leave):
                self.node[1].ctdb(leave)
                self.settled([0, 2])
                self.node[1].ctdb(back)
                eventually("it hosts again", lambda: len(self.node[1].has()) == 1, 40)
                self.settled()

    def test_an_address_is_moved_by_hand(self):
        ip = PUBLIC[0]
        to = (self.settled()[ip] + 1) % 3
        self.node[0].ctdb("moveip", ip, str(to))
        eventually("it is there", lambda: ip in self.node[to].has())

    def test_an_interface_that_is_down_hosts_nothing(self):
        self.cluster.outside.ip("link", "set", "to1.1", "down")  # the other end: scripts bring ours up again
        try:
            eventually("it is unhealthy", lambda: "UNHEALTHY" in self.node[0].ctdb("nodestatus", "1", check=False))
            eventually("its link is known to be down", lambda: "link:down" in self.node[1].ctdb("ifaces"))
            self.settled([0, 2])
        finally:
            self.cluster.outside.ip("link", "set", "to1.1", "up")
        self.cluster.start()
        self.settled()

    def test_addresses_are_added_and_deleted_on_all_nodes(self):
        ip = "10.79.0.110"
        for node in self.node:
            node.ctdb("addip", f"{ip}/24", "eth1")
        self.node[0].ctdb("ipreallocate")
        where = re.search(rf"^{ip} (\d)", self.node[0].ctdb("ip", "all"), re.M)
        self.assertIsNotNone(where, self.node[0].ctdb("ip", "all"))
        self.assertIn(f"inet {ip}/", run(self.node[int(where.group(1))].machine.inside("ip", "-o", "-4", "address")).stdout)
        self.assertIn(f"Public IP[{ip}] info", self.node[0].ctdb("ipinfo", ip))
        self.node[0].ctdb("reloadips", "all")
        self.assertNotIn(ip, self.node[0].ctdb("ip", "all"))
        self.assertNotIn(ip, "".join(run(node.machine.inside("ip", "-o", "-4", "address")).stdout for node in self.node))

    def test_no_failback_leaves_addresses_where_they_are(self):
        for node in self.node:
            node.ctdb("setvar", "NoIPFailback", "1")
        try:
            self.node[1].ctdb("disable")
            where = self.settled([0, 2])
            self.node[1].ctdb("enable")
            self.node[0].ctdb("ipreallocate")
            self.assertEqual(self.settled(), where)
        finally:
            for node in self.node:
                node.ctdb("setvar", "NoIPFailback", "0")

    def test_connections_are_remembered_everywhere(self):
        ip = PUBLIC[0]
        holder = self.node[self.settled()[ip]]
        holder.ctdb("addtickle", "10.79.0.100:50000", f"{ip}:445")
        self.assertIn("Num connections: 1", holder.ctdb("gettickles", ip))
        self.assertIn("SRC: 10.79.0.100:50000   DST: 10.79.0.101:445", holder.ctdb("gettickles", ip, "445"))
        holder.ctdb("deltickle", "10.79.0.100:50000", f"{ip}:445")
        self.assertIn("Num connections: 0", holder.ctdb("gettickles", ip))


if __name__ == "__main__":
    missing = samba_cluster.what_is_missing()
    if missing or not SCRIPTS.is_dir():
        print(f"skipped: {missing or 'the event scripts are not installed'}")
        sys.exit(77)
    samba_cluster.take_right_of_way()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
