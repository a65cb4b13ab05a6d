"""Public addresses on real interfaces (ctdb-behaviour.md 6): who hosts what, and that no address is ever on two machines,
whatever happens. The machines are those of address_cluster.py.
"""

import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

import samba_cluster
from address_cluster import PUBLIC, SCRIPTS, AddressCluster, Asker, Watch
from samba_cluster import eventually, run

BIN = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = AddressCluster(BIN / "ctdbd", BIN / "totem-keygen")
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
