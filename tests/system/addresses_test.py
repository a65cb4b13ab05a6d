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
from address_cluster import PUBLIC, PUBLIC6, SCRIPTS, AddressCluster, Asker, Watch
from samba_cluster import eventually, run

BIN = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()


class AddressTest(unittest.TestCase):
    """One cluster for all tests of a class; each finds and leaves it whole, and no address is on two nodes meanwhile."""

    PUBLIC = PUBLIC

    @classmethod
    def setUpClass(cls):
        cls.cluster = AddressCluster(BIN / "ctdbd", BIN / "totem-keygen", cls.PUBLIC)
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
                said = dict(re.findall(r"^([0-9a-f.:]+) (-?\d+)", node.ctdb("ip"), re.M))
                if said != {ip: str(on[0]) for ip, on in where.items()}:
                    return None
            return {ip: on[0] for ip, on in where.items()}
        return eventually(f"every address is on one of {able}", is_so, 40)

    def victim(self):
        """Somebody other than the leader who has an address, and the address."""
        where = self.settled()
        return next((self.node[pnn], ip) for ip, pnn in where.items() if pnn != 0)

    def set_everywhere(self, variable, value, usual):
        """A tunable, until the test is over."""
        for node in self.node:
            node.ctdb("setvar", variable, str(value))
        self.addCleanup(lambda: [node.ctdb("setvar", variable, str(usual)) for node in self.node])

    def time_until_another_answers(self, victim, ip):
        asker = Asker(self.cluster, ip)
        self.addCleanup(asker.end)
        asker.until(lambda who: who == victim.pnn)
        killed = time.monotonic()
        victim.kill()
        moved = asker.until(lambda who: who != victim.pnn) - killed
        print(f"{1000 * moved:.0f} ms from SIGKILL to an answer of another node ", end="", file=sys.stderr)
        return moved

    def lose_the_ring(self):
        """A node is cut off from the ring for as long as it takes the others to have its address; then it is back."""
        victim, _ = self.victim()
        self.cluster.outside.ip("link", "set", f"to{victim.pnn}.0", "nomaster")
        try:
            self.settled([pnn for pnn in range(3) if pnn != victim.pnn])
            self.assertEqual(victim.has(), [])
        finally:
            self.cluster.outside.ip("link", "set", f"to{victim.pnn}.0", "master", "bridge0")
        self.cluster.start()


class Addresses(AddressTest):
    def test_addresses_are_shared_out(self):
        self.assertEqual(sorted(self.settled().values()), [0, 1, 2])

    def test_a_killed_daemon_loses_its_address_to_another_node(self):
        victim, ip = self.victim()
        # Less than a node that is only cut off would be given: its guard has told that it is dead.
        self.assertLess(self.time_until_another_answers(victim, ip), 1.3)
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
        self.lose_the_ring()
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

    def test_no_takeover_leaves_addresses_without_a_node(self):
        self.set_everywhere("NoIPTakeover", 1, 0)
        before = self.settled()
        left = max(before.values())
        orphans = {ip for ip, pnn in before.items() if pnn == left}
        self.node[left].ctdb("disable")
        eventually("nobody has them", lambda: not any(self.cluster.where()[ip] for ip in orphans))
        self.node[0].ctdb("ipreallocate")
        self.assertEqual(self.cluster.where(), {ip: [] if ip in orphans else [pnn] for ip, pnn in before.items()})
        for orphan in orphans:
            self.assertIn(f"{orphan} -1", self.node[0].ctdb("ip"))
        for node in self.node:
            node.ctdb("setvar", "NoIPTakeover", "0")
        self.node[0].ctdb("ipreallocate")
        self.settled([pnn for pnn in range(3) if pnn != left])
        self.node[left].ctdb("enable")
        self.cluster.start()

    def test_nobody_hosts_where_all_are_disabled(self):
        """What NoIPHostOnAllDisabled could ask for; since 4.17 it is always so, and the tunable is gone."""
        refused = run(self.node[0].machine.inside("ctdb", "setvar", "NoIPHostOnAllDisabled", "0"), check=False)
        self.assertNotEqual(refused.returncode, 0)
        for node in self.node:
            node.ctdb("disable")
        eventually("nobody has any", lambda: not any(self.cluster.where().values()))
        for node in self.node:
            node.ctdb("enable")
        self.settled()

    def test_each_allocation_algorithm_allocates(self):
        for algorithm in 0, 1, 2:
            with self.subTest(algorithm):
                self.set_everywhere("IPAllocAlgorithm", algorithm, 2)
                before = self.settled()
                self.node[1].ctdb("disable")
                moved = self.settled([0, 2])
                if algorithm != 0:
                    self.assertEqual({ip: on for ip, on in moved.items() if before[ip] != 1},
                                     {ip: on for ip, on in before.items() if on != 1}, "nothing else moves")
                self.node[1].ctdb("enable")
                eventually("each has one", lambda: sorted(self.settled().values()) == [0, 1, 2], 40)
                if algorithm == 0:
                    self.assertEqual(self.settled(), {ip: 2 - number for number, ip in enumerate(sorted(PUBLIC))})

    def test_connections_are_remembered_everywhere(self):
        ip = PUBLIC[0]
        holder = self.node[self.settled()[ip]]
        holder.ctdb("addtickle", "10.79.0.100:50000", f"{ip}:445")
        self.assertIn("Num connections: 1", holder.ctdb("gettickles", ip))
        self.assertIn("SRC: 10.79.0.100:50000   DST: 10.79.0.101:445", holder.ctdb("gettickles", ip, "445"))
        holder.ctdb("deltickle", "10.79.0.100:50000", f"{ip}:445")
        self.assertIn("Num connections: 0", holder.ctdb("gettickles", ip))


class Addresses6(AddressTest):
    """The same with IPv6, whose neighbours have to be told otherwise."""

    PUBLIC = PUBLIC6

    def hardware(self, node):
        return re.search(r"link/ether (\S+)", run(node.machine.inside("ip", "link", "show", "dev", "eth1")).stdout).group(1)

    def test_a_killed_daemon_loses_its_address_and_its_neighbours_learn_who_has_it(self):
        victim, ip = self.victim()
        self.assertLess(self.time_until_another_answers(victim, ip), 5)  # with the scripts' detection of duplicates
        holder = self.settled([pnn for pnn in range(3) if pnn != victim.pnn])[ip]
        self.assertEqual(victim.has(), [])
        neighbours = run(self.cluster.outside.inside("ip", "-6", "neighbour", "show", ip)).stdout
        self.assertIn(self.hardware(self.node[holder]), neighbours)

    def test_a_node_that_is_cut_off_loses_it_and_a_disabled_one_gives_it_up(self):
        self.lose_the_ring()
        self.node[1].ctdb("disable")
        self.settled([0, 2])
        self.node[1].ctdb("enable")
        self.settled()


if __name__ == "__main__":
    missing = samba_cluster.what_is_missing()
    if missing or not SCRIPTS.is_dir():
        print(f"skipped: {missing or 'the event scripts are not installed'}")
        sys.exit(77)
    samba_cluster.take_right_of_way()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
