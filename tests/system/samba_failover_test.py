"""An SMB connection to a public address is taken up by another node (ctdb-behaviour.md 6.6, 6.7): real smbd on three
nodes with our daemons, a real client outside that holds a connection, and the node that it is connected to is lost.

smbd registers the connection with its daemon, which tells the others. Whoever takes the address over sends the client an
acknowledgement of nothing; the client's kernel answers, the new node knows of no such connection and resets it: so even a
client that waits in silence learns at once that it has to connect again.
"""

import re
import sys
import time
import unittest
from pathlib import Path

from samba_cluster import (Hand, SambaCluster, eventually, run, take_right_of_way, what_is_missing)

BIN = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
PUBLIC = ["10.78.0.201", "10.78.0.202", "10.78.0.203"]


class SambaFailover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(SambaCluster(BIN, public=PUBLIC))
        cls.cluster.start()

    def where(self):
        """Address to node, once every address is somewhere."""
        said = re.findall(r"^([0-9.]+) (\d+)$", self.cluster.nodes[self.judge].ctdb("ip", check=False), re.M)
        return len(said) == len(PUBLIC) and {ip: int(pnn) for ip, pnn in said}

    def connected(self, ip):
        """Our client's established connections with this address."""
        return run(self.cluster.outside.inside("ss", "-Htn", "state", "established", "dst", ip)).stdout.strip()

    def would_tickle(self, ip, hands):
        """Whether the judge, who does not hold the address, would tickle these clients; perhaps earlier ones, too."""
        said = self.cluster.nodes[self.judge].ctdb("gettickles", ip, "445", check=False)
        return all(f":{hand.port} " in said for hand in hands)

    def lose(self, power):
        self.judge = 0
        where = eventually("addresses are shared out", self.where)
        ip, lost = next((ip, pnn) for ip, pnn in where.items() if pnn != 0)
        node = self.cluster.nodes[lost]
        with Hand(node, address=ip) as silent, Hand(node, address=ip) as busy:
            self.assertEqual(silent.do("hold", name=f"held.{power}", share=7)["status"], "ok")
            eventually("the others know of both connections", lambda: self.would_tickle(ip, (silent, busy)))
            busy.begin("ride", name=f"ridden.{power}", seconds=8)
            time.sleep(1)  # so that it is in the midst of its work
            began = time.monotonic()
            node.power_off() if power else node.kill_daemon()
            while f"{ip}:445" in self.connected_of(silent, ip):
                self.assertLess(time.monotonic() - began, 20, "the silent client still believes in its connection")
                time.sleep(0.02)  # only its kernel knows
            noticed = time.monotonic() - began
            ridden = busy.answer()
        print(f"silent client's connection gone after {noticed * 1000:.0f} ms, busy client's longest wait "
              f"{ridden['worst'] * 1000:.0f} ms, {ridden['done']} rounds ", end="", file=sys.stderr)
        self.assertEqual(ridden["status"], "ok", ridden)
        self.assertGreater(ridden["reconnects"], 0, ridden)
        self.assertGreater(ridden["after"], 0, "nothing was done after it had connected again")
        eventually("another node holds it", lambda: (self.where() or {}).get(ip, lost) != lost)
        return ridden["worst"], noticed, node

    def connected_of(self, hand, ip):
        """Those with the port from which this client is connected."""
        return "\n".join(line for line in self.connected(ip).splitlines() if f":{hand.port} " in line)

    def test_1_the_daemon_is_killed(self):
        worst, noticed, node = self.lose(power=False)
        self.assertLess(worst, 3)
        self.assertLess(noticed, 3)
        node.restart()
        for each in self.cluster.nodes:
            eventually("all are healthy again", lambda each=each: each.healthy_nodes() == 3)

    def test_2_the_machine_is_lost(self):
        worst, noticed, _ = self.lose(power=True)
        self.assertLess(worst, 6)
        self.assertLess(noticed, 6)


if __name__ == "__main__":
    missing = what_is_missing()
    if missing or not Path("/usr/share/ctdb/events/legacy").is_dir():
        print(f"skipped: {missing or 'the event scripts are not installed'}")
        sys.exit(77)
    take_right_of_way()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
