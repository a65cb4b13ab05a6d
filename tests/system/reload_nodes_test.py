"""Nodes that are added to a running cluster and deleted from it: `ctdb reloadnodes`, what it refuses, and what clients
feel of it (ctdb-behaviour.md 5.13, 8.3; docs/adr/0021). The words are those that the packaged daemon gets, too:
differential_test.py compares them."""

import re

import story
from cluster import Cluster, wait_until


reload_nodes_file = 72  # the control


class ReloadNodes(story.Story):
    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        """Five machines, of which three are the cluster."""
        self.cluster = Cluster(nodes=5)
        self.addCleanup(self.cluster.destroy)
        self.edit(3)
        self.first = [self.cluster[pnn] for pnn in range(3)]
        for node in self.first:
            node.start()
        self.cluster.wait_ok(self.first)

    def edit(self, count, deleted=(), where=range(5)):
        lines = "".join(f"{'#' * (pnn in deleted)}{self.cluster[pnn].address}\n" for pnn in range(count))
        for pnn in where:
            self.cluster[pnn].write("nodes", lines)

    def flags(self, node):
        """of all nodes, as this one shows them."""
        return re.findall(r"pnn:(\d) \S+ +(\S+)", self.cluster[node].ctdb("nodestatus", "all").out)

    def reload(self, says, node=0, warns=""):
        result = self.cluster[node].ctdb("reloadnodes")
        self.assertEqual((result.code, result.out, result.err), (0, says, warns))

    def test_a_node_is_added_and_joins_while_clients_go_on(self):
        for node in self.first:
            node.must("attach", "counters.tdb")
        clients = [node.increment(count=5000) for node in self.first]
        self.edit(4)
        self.reload("Node 3 is NEW\n")
        for node in range(3):
            self.assertEqual(self.flags(node)[3], ("3", "DISCONNECTED|UNHEALTHY|INACTIVE"))
        self.cluster[3].start()
        four = self.cluster.nodes[:4]
        self.cluster.wait_ok(four)
        clients.append(self.cluster[3].increment(count=5000))
        for client in clients:
            out, err = client.communicate(timeout=120)
            self.assertEqual(client.returncode, 0, out + err)
        self.assertRegex(self.cluster[1].must("readkey", "counters.tdb", "counter"), r"Data: size:\d+ ptr:\[")
        for node in four:
            self.assertEqual(len(re.findall("hash:", node.must("status"))), 4)
        # It counts: two of four are no majority of what was, and the lowest is not among them.
        for pnn in (0, 1):
            self.cluster[pnn].kill()
        wait_until(lambda: "Recovery mode:RECOVERY (1)" in self.cluster[3].ctdb("status").out, "two of four go on")
        for pnn in (0, 1):
            self.cluster[pnn].start()
        self.cluster.wait_ok(four)

    def test_a_node_that_starts_before_it_is_added_waits_and_disturbs_nobody(self):
        early = self.cluster[3]
        self.edit(4, where=[3])
        generation = re.search("Generation:.*", self.cluster[0].must("status"))[0]
        early.start()
        wait_until(lambda: re.search("packets refused: [1-9]", self.cluster[0].totemctl("status").out), "it is not heard of")
        self.cluster[0].must("attach", "served.tdb")
        self.assertEqual(len(self.flags(0)), 3)
        self.assertIn(generation, self.cluster[0].must("status"))
        self.assertNotEqual(early.ctdb("attach", "served.tdb", seconds=20).code, 0, "it serves")
        self.edit(4)
        self.reload("Node 3 is NEW\n")
        self.cluster.wait_ok(self.cluster.nodes[:4])

    def test_a_node_is_deleted_and_comes_back(self):
        self.cluster[2].must("shutdown")
        self.cluster[2].ended()
        self.edit(3, deleted=[2])
        self.reload("Node 2 is DELETED\n", node=1)
        for node in self.first[:2]:
            self.assertIn("Number of nodes:3 (including 1 deleted nodes)", node.must("status"))
        self.assertIn("DELETED", self.cluster[0].ctdb("ping", "-n", "2").err)
        result = self.cluster[2].try_to_start()
        self.assertEqual(result.code, 1)
        self.assertIn("no node has the address", result.err)
        self.edit(3)
        self.reload("Node 2 is UNDELETED\n")
        self.cluster[2].start()
        self.cluster.wait_ok(self.first)

    def test_what_is_refused_changes_nothing(self):
        before = self.flags(1)

        def refused(says, node=0):
            result = self.cluster[node].ctdb("reloadnodes")
            self.assertEqual(result.code, 1)
            self.assertIn(says, result.err + result.out)
            self.assertEqual(self.flags(1), before)

        self.edit(2)
        refused("missing from nodes file")
        self.edit(3, deleted=[2])
        refused("ERROR: Node 2 is still connected")
        self.edit(3)
        moved = [self.cluster[0].address, self.cluster[4].address, self.cluster[2].address]
        for node in self.cluster:
            node.write("nodes", "".join(address + "\n" for address in moved))
        refused("Node 1 has changed IP address")
        self.edit(3)
        self.edit(4, where=[0])
        refused("ERROR: Nodes file on node 1 differs from current node (0)")
        self.edit(3)
        self.reload("", warns="No change in nodes file, skipping unnecessary reload\n")

    def test_the_daemons_own_refusals(self):
        """The tool looks at the file before; whoever sends the control without it is told by the daemon."""
        for lines, says in (([0, 1], "1 lines are missing"), ([0, 4, 2], "cannot get"), ([], "names no node")):
            self.cluster[0].write("nodes", "".join(self.cluster[pnn].address + "\n" for pnn in lines))
            with self.cluster[0].client() as asker:
                reply = asker.control(reload_nodes_file)
                self.assertEqual(reply.status, -1)
                self.assertIn(says, reply.error)
        self.edit(3, deleted=[2])
        for node in self.first[:2]:
            with node.client() as asker:  # not all have read it: it will count when they have
                self.assertEqual(asker.control(reload_nodes_file).error, "")
        with self.cluster[2].client() as asker:
            self.assertIn("it deletes this node", asker.control(reload_nodes_file).error)
        self.assertEqual([state for _, state in self.flags(0)], ["OK"] * 3)

    def test_more_new_nodes_than_there_are_are_not_added_at_once(self):
        seven = "".join(f"{self.cluster.addresses.of_node(pnn)}\n" for pnn in range(7))
        for node in self.cluster:
            node.write("nodes", seven)
        result = self.cluster[0].ctdb("reloadnodes")
        self.assertRegex(result.err, r"Node \d failed to reload nodes\nYou MUST fix failed nodes manually!")
        self.assertIn("more than half of its nodes would be new ones", self.cluster[0].log_text())
        self.assertEqual(len(self.flags(0)), 3)

    def test_a_node_that_was_away_learns_it(self):
        self.cluster[2].kill()
        self.edit(4)
        wait_until(lambda: ("2", "DISCONNECTED|UNHEALTHY|INACTIVE") in self.flags(0), "node 2 is not missed")
        self.reload("Node 3 is NEW\n", warns="WARNING: Node 2 is disconnected. You MUST fix this node manually!\n")
        for pnn in (2, 3):
            self.cluster[pnn].start()
        self.cluster.wait_ok(self.cluster.nodes[:4])

    def test_files_that_were_edited_while_nobody_ran_count_at_the_next_start(self):
        for node in self.first:
            node.must("shutdown")
            node.ended()
        self.edit(4)
        four = self.cluster.nodes[:4]
        for node in four:
            node.start()
        self.cluster.wait_ok(four)


if __name__ == "__main__":
    story.main()
