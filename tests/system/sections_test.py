"""The tool has a database to itself: it is wiped, put back from a backup, detached, on all nodes at once; and nobody
keeps it shut by dying."""

import struct
import subprocess

import story
from client import Client
from cluster import wait_until
from raw_client import ltdb_header, marshall

DB_FREEZE, DB_THAW, DB_TRANSACTION_START = 141, 142, 143


class Sections(story.Story):
    def fill(self, database, kind=None):
        for node in self.cluster:
            node.must("attach", database, *([kind] if kind else []))

    def names(self, node):
        return {line.split("name:")[1].split()[0] for line in node.must("getdbmap").splitlines() if "name:" in line}

    def id_of(self, database):
        line = next(line for line in self.cluster[0].must("getdbmap").splitlines() if f"name:{database}" in line)
        return int(line.split()[0].removeprefix("dbid:"), 16)

    def test_a_persistent_database_is_restored_everywhere(self):
        first, second, third = self.cluster
        self.fill("accounts.tdb", "persistent")
        first.ctdb("ptrans", "accounts.tdb", input='"alice" "100"\n"bob" "250"\n')
        backup = self.cluster.directory / "accounts.backup"
        second.must("backupdb", "accounts.tdb", backup)
        third.ctdb("ptrans", "accounts.tdb", input='"alice" "7"\n"carol" "75"\n')
        self.assertIn("wiped", first.must("wipedb", "accounts.tdb"))
        for node in self.cluster:
            self.assertEqual(node.must("pfetch", "accounts.tdb", "alice").strip(), "")
        self.assertIn("restored", second.must("restoredb", backup))
        for node in self.cluster:
            self.assertEqual(node.must("pfetch", "accounts.tdb", "alice").strip(), "100")
            self.assertEqual(node.must("pfetch", "accounts.tdb", "carol").strip(), "")
        third.ctdb("ptrans", "accounts.tdb", input='"dave" "1"\n')
        self.assertEqual(first.must("pfetch", "accounts.tdb", "dave").strip(), "1")

    def test_a_backup_larger_than_a_message_of_the_ring_is_restored(self):
        first, _, third = self.cluster
        self.fill("large.tdb", "persistent")
        value = b"x" * 10000
        with first.client() as client:
            db_id = client.attach("large.tdb")
            for begin in range(0, 2000, 500):
                records = [(b"key %04d" % number, ltdb_header(1, 0) + value) for number in range(begin, begin + 500)]
                self.assertEqual(client.control("trans3_commit", marshall(db_id, records), srvid=db_id).status, 0)
        backup = self.cluster.directory / "large.backup"
        first.must("backupdb", "large.tdb", backup)
        first.must("wipedb", "large.tdb")
        self.assertIn("Dumped 0 record", third.must("catdb", "large.tdb"))
        self.assertIn("restored", first.must("restoredb", backup))
        for node in self.cluster:
            self.assertIn("Dumped 2000 record", node.must("catdb", "large.tdb"))

    def test_a_volatile_database_is_restored_everywhere(self):
        first, second, third = self.cluster
        self.fill("leases.tdb")
        for node, key in zip(self.cluster, ["a", "b", "c"]):
            node.must("writekey", "leases.tdb", key, f"from {node.pnn}")
        for key in ["a", "b", "c"]:
            first.must("readkey", "leases.tdb", key)
        second.must("readkey", "leases.tdb", "nobody.wrote.this")
        backup = self.cluster.directory / "leases.backup"
        first.must("backupdb", "leases.tdb", backup)
        second.must("writekey", "leases.tdb", "d", "later")
        self.assertIn("wiped", third.must("wipedb", "leases.tdb"))
        self.assertIn("Dumped 0 record", second.must("catdb", "leases.tdb"))
        self.assertIn("restored", second.must("restoredb", backup))
        for node in self.cluster:
            self.assertIn("Dumped 3 record", node.must("catdb", "leases.tdb"))
            self.assertIn("[from 1]", node.must("readkey", "leases.tdb", "b"))
        third.must("writekey", "leases.tdb", "b", "again")
        self.assertIn("[again]", first.must("readkey", "leases.tdb", "b"))

    def test_a_tool_that_dies_lets_go(self):
        """It froze the database on all nodes; a client that waits goes on when it is gone."""
        first, second, third = self.cluster
        self.fill("frozen.tdb")
        second.must("writekey", "frozen.tdb", "k", "before")
        id = self.id_of("frozen.tdb")
        tool = Client(first.socket)
        for node in self.cluster:
            self.assertEqual(tool.control(DB_FREEZE, struct.pack("<I", id), destination=node.pnn).status, 0)
        waiting = subprocess.Popen(["ctdb", "writekey", "frozen.tdb", "k", "after"], env=third.environment)
        with self.assertRaises(subprocess.TimeoutExpired):
            waiting.wait(timeout=0.7)
        tool.close()
        self.assertEqual(waiting.wait(timeout=20), 0)
        self.assertIn("[after]", second.must("readkey", "frozen.tdb", "k"))

    def test_a_tool_that_ends_leaves_the_next_ones_section_alone(self):
        first, second, third = self.cluster
        self.fill("turns.tdb")
        id = struct.pack("<I", self.id_of("turns.tdb"))
        with Client(first.socket) as one, Client(second.socket) as two:
            for opcode in DB_FREEZE, DB_THAW:
                self.assertEqual(one.control(opcode, id, destination=third.pnn).status, 0)
            self.assertEqual(two.control(DB_FREEZE, id, destination=third.pnn).status, 0)
            one.close()
            first.must("ping")  # its daemon has noticed
            self.assertEqual(two.control(DB_TRANSACTION_START, id + b"\1\0\0\0", destination=third.pnn).status, 0)
        wait_until(lambda: third.must("readkey", "turns.tdb", "k"), "the second tool's section has ended, too")

    def test_a_volatile_database_is_detached_everywhere(self):
        first, second, third = self.cluster
        self.fill("past.tdb")
        second.must("writekey", "past.tdb", "k", "v")
        refused = first.ctdb("detach", "past.tdb")
        self.assertIn("still active", refused.err)
        for node in self.cluster:
            node.must("setvar", "AllowClientDBAttach", "0")
        try:
            first.must("detach", "past.tdb")
            for node in self.cluster:
                wait_until(lambda node=node: "past.tdb" not in self.names(node), "it is gone")
        finally:
            for node in self.cluster:
                node.must("setvar", "AllowClientDBAttach", "1")
        self.fill("past.tdb")
        self.assertIn("size:0", third.must("readkey", "past.tdb", "k"))


if __name__ == "__main__":
    story.main()
