"""No increment is lost: clients of all nodes count one record up under its fetch-lock, as smbd would, and the sum is
exact; with a node killed in between, every increment of the others still stands.

The clients are ctdb-bench's. With --values it writes down each value that it stored, so that what happened can be
judged step by step: two clients that stored the same value overwrote each other."""

import itertools
import re
import signal

import story
from cluster import wait_until

database = "counters.tdb"


class Increments(story.Story):
    def setUp(self):
        super().setUp()
        self.key = self.id().split(".")[-1]
        for node in self.cluster:
            node.must("attach", database)
        self.numbers = itertools.count()

    def begin(self, node, count, key=None):
        """A client that counts; what it stored can be read at any time."""
        values = self.cluster.directory / f"values.{self.key}.{next(self.numbers)}"
        client = node.increment(database, key or self.key, count, ("--values", values))
        client.values = values
        self.addCleanup(self.end, client)
        return client

    @staticmethod
    def end(client):
        client.kill()
        client.communicate()

    @staticmethod
    def stored(client):
        return [int(line) for line in client.values.read_text().splitlines()] if client.values.exists() else []

    def finish(self, clients):
        for client in clients:
            _, errors = client.communicate(timeout=120)
            self.assertEqual((client.returncode, errors), (0, ""))

    def counter(self, node, key=None):
        return int(re.search(r"ptr:\[(\d+)\]", node.must("readkey", database, key or self.key)).group(1))

    def test_all_nodes_at_once(self):
        clients = [self.begin(node, 3000) for node in self.cluster for _ in "12"]
        self.finish(clients)
        stored = sorted(itertools.chain(*map(self.stored, clients)))
        self.assertEqual(stored, list(range(1, 18001)), "each value is stored once, and none is left out")
        for node in self.cluster:
            self.assertEqual(self.counter(node), 18000)

    def test_several_records_at_once(self):
        clients = [self.begin(node, 500, f"{self.key}{number}") for node in self.cluster for number in range(4)]
        self.finish(clients)
        for number in range(4):
            self.assertEqual(self.counter(self.cluster[number % 3], f"{self.key}{number}"), 1500)

    def test_every_node_has_its_turn(self):
        """A busy owner does not keep the record: whoever waits gets it while the others go on."""
        clients = [self.begin(node, 1_000_000) for node in self.cluster]
        for client in clients:
            wait_until(lambda: len(self.stored(client)) > 100, lambda: f"it stored {len(self.stored(client))} values")
        self.assertTrue(all(client.poll() is None for client in clients), "nobody was done yet")

    def test_a_node_is_killed_and_returns(self):
        killed = self.cluster[1]
        survivors = [self.begin(self.cluster[pnn], 20_000) for pnn in (0, 2)]
        victim = self.begin(killed, 1_000_000)
        wait_until(lambda: all(len(self.stored(client)) > 200 for client in (*survivors, victim)), "they do not begin")
        # The client first: one that lives on may go on in the file of a daemon that is no more.
        victim.send_signal(signal.SIGKILL)
        killed.signal(signal.SIGKILL)
        killed.ended()
        before = [len(self.stored(client)) for client in survivors]
        wait_until(lambda: all(client.poll() is not None or len(self.stored(client)) > count
                               for client, count in zip(survivors, before)), "the survivors do not go on")
        killed.start()
        self.cluster.wait_ok()
        killed.must("attach", database)
        returned = self.begin(killed, 5000)
        self.finish([*survivors, returned])

        accounted = [*survivors, returned]
        for client in accounted:
            values = self.stored(client)
            self.assertEqual(values, sorted(set(values)), "the counter went back under a client")
        stored = list(itertools.chain(*map(self.stored, accounted)))
        self.assertEqual(len(stored), 45_000)
        self.assertEqual(len(stored), len(set(stored)), "two clients stored the same value: an increment was lost")
        for node in self.cluster:
            self.assertEqual(self.counter(node), max(stored))
        # What is missing in between are the victim's own, of which those that only its node had seen are gone.
        missing = set(range(1, max(stored) + 1)) - set(stored)
        self.assertLessEqual(missing, set(self.stored(victim)), "a value that nobody stored was skipped")


if __name__ == "__main__":
    story.main()
