"""A persistent file is checked when the daemon starts: one that is damaged ends the start, and whatever is in its place
the next time is not trusted before somebody says that it is good (ctdb-behaviour.md 2.8)."""

import shutil

import story
from cluster import wait_until


class Health(story.Story):
    def setUp(self):
        super().setUp()
        self.database = f"{self.id().split('.')[-1]}.tdb"
        self.cluster[0].must("attach", self.database, "persistent")
        self.cluster[0].must("pstore", self.database, "alice", "100")

    def damage(self):
        """Node 1 finds its file damaged and ends; then the good file is back. Returns nothing: node 1 is down."""
        node, path = self.cluster[1], self.cluster[1].path_of(self.database, "persistent")
        node.must("shutdown")
        self.assertEqual(node.ended(), 0)
        good = path.with_suffix(".good")
        shutil.copy(path, good)
        whole = path.read_bytes()
        path.write_bytes(whole[:200] + b"\xa5" * 40000 + whole[40200:])
        refused = node.try_to_start()
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("is damaged", node.tail(5) + refused.err)
        shutil.move(good, path)

    def health(self, node):
        line = next(line for line in node.must("getdbstatus", self.database).splitlines() if line.startswith("HEALTH:"))
        return line.removeprefix("HEALTH:").strip()

    def test_a_damaged_file_ends_the_start_and_is_remembered(self):
        self.damage()
        node = self.cluster[1]
        node.start()
        self.cluster.wait_ok()
        self.assertNotEqual(self.health(node), "OK")
        self.assertEqual(self.health(self.cluster[0]), "OK")
        self.assertIn("UNHEALTHY", node.must("getdbmap"))
        self.assertNotIn("UNHEALTHY", self.cluster[0].must("getdbmap"))
        self.assertNotEqual(node.ctdb("-T", "3", "pstore", self.database, "bob", "1").code, 0)
        backup = self.cluster.directory / "accounts.backup"
        self.cluster[0].must("backupdb", self.database, backup)
        self.cluster[0].must("restoredb", backup)
        self.assertEqual(self.health(node), "OK")
        node.must("pstore", self.database, "bob", "1")
        self.assertEqual(self.cluster[2].must("pfetch", self.database, "bob").strip(), "1")

    def test_the_clusters_own_content_takes_its_place(self):
        self.damage()
        self.cluster[0].must("pstore", self.database, "alice", "200")  # what node 1 has is old by now
        self.cluster[1].start()
        self.cluster.wait_ok()
        wait_until(lambda: self.health(self.cluster[1]) == "OK", "node 1 has the cluster's content and is still sick")
        self.assertEqual(self.cluster[1].must("pfetch", self.database, "alice").strip(), "200")


if __name__ == "__main__":
    story.main()
