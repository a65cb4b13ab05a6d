"""A node goes, in every way a node can go: the others serve on, and when it returns it knows what they did meanwhile.

Who goes takes with him what only he had; nothing else may be lost, and nothing that was lost may come back."""

import errno
import re
import signal
import struct
import time

import story
from cluster import wait_until
from raw_client import LocalFile


def value_of(says):
    """The value in the answer of `ctdb readkey`."""
    return re.fullmatch(r"Data: size:\d+ ptr:\[(.*)\]\n", says, re.S).group(1)


class Going(story.Story):
    token_loss = 500  # many nodes are killed here, and each time the others wait for it

    def setUp(self):
        super().setUp()
        # A database of its own for each case: what an earlier one left must not help or hurt.
        name = self.id().split(".")[-1]
        self.volatile, self.persistent = f"{name}.tdb", f"{name}.p.tdb"
        for node in self.cluster:
            node.must("attach", self.volatile)
        self.cluster[0].must("attach", self.persistent, "persistent")
        self.others = [self.cluster[0], self.cluster[2]]

    def write(self, pnn, key, value):
        self.cluster[pnn].must("writekey", self.volatile, key, value)

    def read(self, pnn, key):
        return value_of(self.cluster[pnn].must("readkey", self.volatile, key))

    def store(self, pnn, key, value):
        self.cluster[pnn].must("pstore", self.persistent, key, value)

    def fetch(self, pnn, key):
        return self.cluster[pnn].must("pfetch", self.persistent, key).rstrip("\n")

    def sequence(self, pnn):
        return int(self.cluster[pnn].must("getdbseqnum", self.persistent), 16)

    def give_node_1_records(self):
        """`moved` was written on 0 and 2 before node 1 changed it; `lonely` never left node 1; `ours` is node 0's."""
        self.write(0, "moved", "first")
        self.write(2, "moved", "second")
        self.write(1, "moved", "third")
        self.write(1, "lonely", "never seen elsewhere")
        self.write(0, "ours", "of node 0")
        self.store(1, "early", "before")
        self.store(1, "deleted", "before")

    def others_without_node_1(self):
        self.cluster.wait_ok(self.others)
        for node in self.others:
            says = node.must("status")
            self.assertRegex(says, r"pnn:1 \S+ +DISCONNECTED\|UNHEALTHY\|INACTIVE\n")
            self.assertIn("Size:2\nhash:0 lmaster:0\nhash:1 lmaster:2\nRecovery mode:NORMAL (0)\nLeader:0\n", says)

    def meanwhile(self):
        """What node 1 has to catch up with."""
        self.write(0, "moved", "while away")
        self.store(2, "late", "while away")
        self.cluster[0].must("pdelete", self.persistent, "deleted")
        self.assertEqual(self.sequence(0), self.sequence(2))

    def node_1_has_caught_up(self):
        self.cluster.wait_ok()
        self.assertEqual(self.sequence(1), self.sequence(0))
        self.assertEqual(self.fetch(1, "early"), "before")
        self.assertEqual(self.fetch(1, "late"), "while away")
        self.assertEqual(self.fetch(1, "deleted"), "", "what was deleted meanwhile must not come back")
        self.assertEqual(self.read(1, "moved"), "while away", "its stale copy must not come back")
        self.assertEqual(self.read(1, "ours"), "of node 0")
        self.write(1, "moved", "again")
        self.assertEqual(self.read(0, "moved"), "again")
        contents = {node.must("catdb", self.persistent) for node in self.cluster}
        self.assertEqual(len(contents), 1, "the persistent databases differ")

    # -- one of three

    def test_sigkill(self):
        self.give_node_1_records()
        generation = re.search(r"Generation:(\d+)", self.cluster[0].must("status")).group(1)
        self.cluster[1].kill()
        self.assertEqual(self.read(0, "ours"), "of node 0", "a record that node 1 never had")
        self.assertEqual(self.read(0, "moved"), "second", "the newest surviving copy, which is node 2's")
        self.assertEqual(self.read(2, "moved"), "second")
        self.assertEqual(self.read(2, "lonely"), "")
        self.others_without_node_1()
        self.assertNotIn(f"Generation:{generation}\n", self.cluster[0].must("status"))
        self.assertEqual(self.cluster[0].ctdb("ping", "-n", "1").err, "Node 1 has status DISCONNECTED|UNHEALTHY|INACTIVE\n")
        for pnn in 0, 2:
            self.assertEqual((self.fetch(pnn, "early"), self.fetch(pnn, "deleted")), ("before", "before"))
        self.meanwhile()
        self.cluster[1].start()
        self.node_1_has_caught_up()

    def test_a_pending_control_is_answered_when_its_node_dies(self):
        self.cluster[1].signal(signal.SIGSTOP)
        with self.cluster[0].client() as client:
            begin = time.monotonic()
            reply = client.control("get_pid", destination=1)
            self.assertEqual(reply.status, -1)
            self.assertIn(reply.error, ("node is disconnected", "ctdb_control to disconnected node"))
            self.assertLess(time.monotonic() - begin, 30, "long before ControlTimeout")
        self.cluster[1].signal(signal.SIGCONT)

    def test_clean_shutdown(self):
        self.give_node_1_records()
        self.cluster[1].must("shutdown")
        self.assertEqual(self.cluster[1].ended(), 0)
        self.others_without_node_1()
        self.assertEqual(self.read(0, "ours"), "of node 0")
        self.assertEqual(self.read(0, "moved"), "third", "what only the leaver had is not lost")
        self.assertEqual(self.read(2, "lonely"), "never seen elsewhere")
        self.meanwhile()
        self.cluster[1].start()
        self.node_1_has_caught_up()

    def test_sigterm_is_an_orderly_shutdown(self):
        self.give_node_1_records()
        node = self.cluster[1]
        pid_file = node.base / "run" / "ctdbd.pid"
        self.assertEqual(pid_file.read_text(), f"{node.process.pid}\n")
        node.signal(signal.SIGTERM)
        self.assertEqual(node.ended(), 0)
        self.assertFalse(pid_file.exists())
        self.assertFalse(node.control.exists(), "the tools' socket goes with the daemon")
        self.assertIn("left the ring", node.log_text())
        self.others_without_node_1()
        self.meanwhile()
        node.start()
        self.node_1_has_caught_up()

    def test_the_end_of_standard_input_ends_it_in_test_mode(self):
        self.cluster[1].process.stdin.close()
        self.assertEqual(self.cluster[1].ended(), errno.EPIPE)
        self.others_without_node_1()

    def test_sighup_reopens_the_log(self):
        node = self.cluster[1]
        old = node.log.rename(node.log.with_suffix(".old"))
        node.signal(signal.SIGHUP)
        node.must("setvar", "MonitorInterval", "14")
        wait_until(lambda: "MonitorInterval" in node.log_text(), "nothing is written to the new log")
        self.assertNotIn("MonitorInterval to 14", old.read_text())
        self.assertTrue(node.runs)

    def test_sigstop_for_ten_seconds(self):
        self.give_node_1_records()
        resumed = time.monotonic() + 10
        self.cluster[1].signal(signal.SIGSTOP)
        self.others_without_node_1()
        self.assertEqual(self.read(0, "moved"), "second")
        self.meanwhile()
        # Being away for a while is what this is about: here the time itself is the event.
        time.sleep(max(0, resumed - time.monotonic()))
        self.cluster[1].signal(signal.SIGCONT)
        self.node_1_has_caught_up()
        self.assertTrue(self.cluster[1].runs, "it went on, it did not start anew")

    def test_a_short_pause_loses_nothing(self):
        self.give_node_1_records()
        self.cluster[1].signal(signal.SIGSTOP)
        with self.cluster[0].client() as client:
            client.control("ping")
        self.cluster[1].signal(signal.SIGCONT)
        self.cluster.wait_ok()
        self.assertEqual(self.read(0, "moved"), "third")
        self.assertEqual(self.read(2, "lonely"), "never seen elsewhere")

    # -- more than one

    def test_one_after_the_other_the_last_one_serves_on(self):
        self.store(0, "early", "before")
        self.write(0, "ours", "of node 0")
        self.cluster[2].kill()
        self.cluster.wait_ok([self.cluster[0], self.cluster[1]])
        self.store(1, "of two", "yes")
        self.cluster[1].kill()
        self.cluster.wait_ok([self.cluster[0]])
        self.store(0, "of one", "yes")
        self.assertEqual(self.read(0, "ours"), "of node 0")
        for pnn in 1, 2:
            self.cluster[pnn].start()
        self.cluster.wait_ok()
        for pnn in 0, 1, 2:
            self.assertEqual([self.fetch(pnn, key) for key in ("early", "of two", "of one")], ["before", "yes", "yes"])
            self.assertEqual(self.read(pnn, "ours"), "of node 0")

    def test_two_of_three_at_once(self):
        """Without a quorum nothing is served, everything is told, and nothing is lost."""
        alone = self.cluster[0]
        self.store(1, "early", "before")
        self.write(0, "ours", "of node 0")
        database = self.database_id(alone)
        for pnn in 1, 2:
            self.cluster[pnn].signal(signal.SIGKILL)
        for pnn in 1, 2:
            self.cluster[pnn].ended()
        with alone.client() as client:
            wait_until(lambda: client.control("get_recmode").status == 1, "node 0 does not notice that it is alone")
            wait_until(lambda: alone.ctdb("nodestatus", "all").out.count("DISCONNECTED") == 2, "nor who has gone")
            says = alone.must("status")
            self.assertIn("Generation:INVALID\n", says)
            self.assertIn("Recovery mode:RECOVERY (1)\n", says)
            self.assertEqual(client.control("get_pnn").status, 0, "it still answers")
            refused = client.control("trans3_commit", struct.pack("<II", database, 0))
            self.assertEqual(refused.status, -1, "a commit without quorum is refused at once")
            wait_until(lambda: re.search(r" frozen +1\n", alone.must("statistics")), "its databases are not frozen")
        answer = alone.ctdb("-t", "1", "-T", "3", "readkey", self.volatile, "ours")
        self.assertNotEqual(answer.code, 0, "its clients are kept out")
        self.assertNotIn("of node 0", answer.out)
        self.assertIn("quorum", alone.totemctl("status").out)

        self.cluster[2].start()
        pair = [alone, self.cluster[2]]
        self.cluster.wait_ok(pair)
        self.store(2, "of two", "yes")
        self.assertEqual(self.read(2, "ours"), "of node 0", "what the lone node kept is still there")
        self.cluster[1].start()
        self.cluster.wait_ok()
        for pnn in 0, 1, 2:
            self.assertEqual([self.fetch(pnn, key) for key in ("early", "of two")], ["before", "yes"])

    def test_all_at_once(self):
        """What is persistent survives that every daemon is killed; what is volatile begins anew."""
        for number in range(9):
            self.store(number % 3, f"key{number}", f"value{number}")
        self.write(1, "moved", "before")
        for node in self.cluster:
            node.signal(signal.SIGKILL)
        for node in self.cluster:
            node.ended()
        for node in self.cluster:
            node.start()
        self.cluster.wait_ok()
        for pnn in 0, 1, 2:
            self.assertEqual([self.fetch(pnn, f"key{number}") for number in range(9)],
                             [f"value{number}" for number in range(9)])
            self.assertEqual(self.sequence(pnn), 9)
            self.cluster[pnn].must("attach", self.volatile)
            self.assertEqual(self.read(pnn, "moved"), "")

    def test_all_others_restart_while_one_is_away(self):
        """What it had is nobody's by then; its clients have the file open, and must find nothing of that in it."""
        self.write(1, "moved", "before")
        away, others = self.cluster[1], [self.cluster[0], self.cluster[2]]
        with away.client() as client:
            flags, = struct.unpack("<i", client.control(149, struct.pack("<I", self.database_id(away, self.volatile))).data)
        file = LocalFile(str(away.path_of(self.volatile)), flags)
        self.addCleanup(file.close)
        self.assertIn(b"before", file.fetch(b"moved"))
        away.signal(signal.SIGSTOP)
        for node in others:
            node.signal(signal.SIGKILL)
        for node in others:
            node.ended()
        for node in others:
            node.start()
        self.cluster.wait_ok(others)
        away.signal(signal.SIGCONT)
        self.cluster.wait_ok()
        wait_until(lambda: file.fetch(b"moved") is None, "the returned node's clients still find what is gone")
        for node in self.cluster:
            wait_until(lambda: self.volatile in node.must("getdbmap"), "the database is not attached again")
        self.assertEqual(self.read(0, "moved"), "")
        self.write(0, "moved", "after")
        self.assertEqual(self.read(1, "moved"), "after")
        self.assertIn(b"after", file.fetch(b"moved"), "its clients' file is the one that is used")

    def database_id(self, node, name=None):
        return int(re.search(rf"dbid:(0x[0-9a-f]+) name:{re.escape(name or self.persistent)} ", node.must("getdbmap")).group(1), 16)


if __name__ == "__main__":
    story.main()
