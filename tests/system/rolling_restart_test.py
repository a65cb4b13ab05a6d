"""Every daemon is shut down and started again, one after the other, while clients of the others count: in a volatile database
and, by transactions, in a persistent one. Not one count is lost, and no client of a daemon that stays is told of an error."""

import re
import threading

import story
from cluster import wait_until


class RollingRestart(story.Story):
    def setUp(self):
        super().setUp()
        for node in self.cluster:
            node.must("attach", "counters.tdb")
        self.cluster[0].must("attach", "kept.tdb", "persistent")

    def counted(self, node):
        return int(re.search(r"ptr:\[(\d+)\]", self.cluster[node].must("readkey", "counters.tdb", "counter")).group(1))

    def test_nothing_is_lost(self):
        stored, failed, stop = [0], [], threading.Event()

        def store():
            """One transaction after another, on whichever node is not being restarted."""
            while not stop.is_set():
                number = stored[0] + 1
                result = self.cluster[self.open].ctdb("pstore", "kept.tdb", f"key{number}", str(number))
                if result.code == 0:
                    stored[0] = number
                else:
                    failed.append(result)

        self.open = 1
        counts, each = 0, 20000
        writer = threading.Thread(target=store)
        writer.start()
        try:
            for restarted in range(3):
                others = [node for node in self.cluster if node.pnn != restarted]
                self.open = others[0].pnn
                before = stored[0]
                wait_until(lambda: stored[0] > before + 1, "no transaction is committed")
                clients = [node.increment(count=each) for node in others]
                self.cluster[restarted].must("shutdown")
                self.assertEqual(self.cluster[restarted].ended(), 0)
                during = stored[0]
                wait_until(lambda: stored[0] > during, "no transaction is committed without it")
                self.cluster[restarted].start()
                self.cluster.wait_ok()
                for client in clients:
                    out, err = client.communicate(timeout=120)
                    self.assertEqual(client.returncode, 0, out + err)
                counts += each * len(clients)
        finally:
            stop.set()
            writer.join()
        self.assertEqual(failed, [])
        for node in range(3):
            self.assertEqual(self.counted(node), counts, f"as node {node} reads it")
            for number in range(1, stored[0] + 1):
                if number % 7 == node or number in (1, stored[0]):  # each of them on one node at least
                    self.assertEqual(self.cluster[node].must("pfetch", "kept.tdb", f"key{number}"), f"{number}\n")


if __name__ == "__main__":
    story.main()
