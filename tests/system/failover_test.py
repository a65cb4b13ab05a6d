"""How long a public address answers nobody after its node is lost: ours beside the packaged daemon, in machines of their
own, with the same files, in the same run (ctdb-behaviour.md 6). The packaged daemon takes its time, so a usual run plays one loss;
`failover_test.py build/release/bin --all` plays each, and prints the figures of docs/performance_ctdb.md.

A node is lost in two ways. Its daemon is killed: the kernel still answers for it. Or the machine is gone: its cables are
cut in the same moment, and nobody says anything. Of the packaged daemon's address we only ask when another node answers:
after the first kind of loss it stays on the interface of the lost node, too.
"""

import sys
import time
import unittest
from pathlib import Path

import samba_cluster
from address_cluster import SCRIPTS, AddressCluster, Asker
from samba_cluster import eventually

BIN = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
ALL = "--all" in sys.argv
DAEMONS = {"packaged": (Path("/usr/sbin/ctdbd"), None), "ours": (BIN / "ctdbd", BIN / "totem-keygen")}
PATIENCE = 90  # the packaged daemon believes in a silent node for KeepaliveInterval x KeepaliveLimit = 25 s


def leader_of(cluster):
    return int(eventually("there is a leader", lambda: cluster.nodes[0].ctdb("leader", check=False).strip()))


def spread(cluster):
    """Address to node, once each of the three has one."""
    where = cluster.where()
    holders = [on[0] for on in where.values() if len(on) == 1]
    return sorted(holders) == [0, 1, 2] and {ip: on[0] for ip, on in where.items()}


def outage(kind, leads, whole_machine):
    """Milliseconds from the loss of a node to the first answer of another one for its address."""
    cluster = AddressCluster(*DAEMONS[kind])
    try:
        cluster.start()
        where = eventually("addresses are shared out", lambda: spread(cluster), 60)
        leader = leader_of(cluster)
        ip, lost = next((ip, pnn) for ip, pnn in where.items() if (pnn == leader) == leads)
        asker = Asker(cluster, ip)
        try:
            asker.until(lambda who: who == lost)
            began = time.monotonic()
            if whole_machine:
                cluster.cut_off(lost)
            cluster.nodes[lost].kill()
            return 1000 * (asker.until(lambda who: who != lost, PATIENCE) - began)
        finally:
            asker.end()
    finally:
        cluster.stop()


LOSSES = {
    "the daemon is killed": {"leads": False, "whole_machine": False},
    "the leader's daemon is killed": {"leads": True, "whole_machine": False},
    "the machine is gone": {"leads": False, "whole_machine": True},
}


class Failover(unittest.TestCase):
    def test_an_address_answers_again_in_at_most_a_fifth_of_the_packaged_daemons_time(self):
        played = list(LOSSES.items())[: None if ALL else 1]
        for name, loss in played:
            with self.subTest(name):
                packaged, ours = (outage(kind, **loss) for kind in DAEMONS)
                print(f"{name}: packaged {packaged:.0f} ms, ours {ours:.0f} ms, ratio {ours / packaged:.3f}", file=sys.stderr)
                self.assertLessEqual(ours, packaged / 5)


if __name__ == "__main__":
    missing = samba_cluster.what_is_missing()
    if missing or not SCRIPTS.is_dir() or not DAEMONS["packaged"][0].exists():
        print(f"skipped: {missing or 'the package ctdb is not installed'}")
        sys.exit(77)
    samba_cluster.take_right_of_way()
    unittest.main(argv=[sys.argv[0], *(word for word in sys.argv[2:] if word != "--all")], verbosity=2)
