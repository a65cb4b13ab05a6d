"""Nodes that are disabled, stopped, banned, or may not lead: what the packaged tool says of them and what their clients feel
(ctdb-behaviour.md 5.3, 5.9, 5.11, 5.12, 8.3). Three of our daemons."""

import re

import client
import story
from cluster import wait_until


class Nodes(story.Story):
    def flags(self, node, of):
        lines = self.cluster[node].must("nodestatus", "all") if of is None else self.cluster[node].ctdb("nodestatus", str(of)).out
        return re.search(rf"pnn:{of} \S+ +(\S+)", lines).group(1)

    def assert_flags(self, of, flags):
        for node in self.cluster:
            self.assertEqual(self.flags(node.pnn, of), flags, f"as node {node.pnn} sees it")

    def generation(self, node):
        return re.search(r"Generation:(\S+)", self.cluster[node].must("status")).group(1)

    def map_of(self, node):
        return re.findall(r"lmaster:(\d)", self.cluster[node].must("status"))

    def tearDown(self):
        for node in self.cluster:
            for command in "enable", "continue", "unban":
                node.ctdb(command)
            node.ctdb("setleaderrole", "on")
            node.ctdb("setlmasterrole", "on")

    def test_disabled_is_a_flag_that_all_see_and_nothing_else(self):
        before = self.generation(0)
        self.cluster[0].must("disable", "-n", "1")
        self.assert_flags(1, "DISABLED")
        self.assertEqual(self.cluster[0].ctdb("disable", "-n", "1").err, "Node 1 is already disabled\n")
        self.assertEqual(self.generation(0), before)
        self.cluster[1].must("attach", "disabled.tdb")
        self.cluster[2].must("enable", "-n", "1")
        self.assert_flags(1, "OK")

    def test_a_stopped_node_leaves_the_service_and_stays_connected(self):
        self.cluster[1].must("attach", "stopped.tdb")
        self.cluster[1].must("writekey", "stopped.tdb", "k", "there")
        before = self.generation(0)
        self.cluster[1].must("stop")
        self.assert_flags(1, "STOPPED|INACTIVE")
        status = self.cluster[1].must("status")
        self.assertIn("Generation:INVALID", status)
        self.assertIn("Recovery mode:RECOVERY (1)", status)
        self.assertNotEqual(self.generation(0), before)
        self.assertEqual(self.generation(0), self.generation(2))
        self.assertEqual(self.map_of(0), ["0", "2"])
        self.assertIn("response from 1", self.cluster[0].must("ping", "-n", "1"))
        self.assertIn("[there]", self.cluster[0].must("readkey", "stopped.tdb", "k"), "its records are given away")
        self.cluster[0].must("writekey", "stopped.tdb", "k", "later")
        with self.cluster[1].client() as late:
            self.assertEqual(late.control("db_attach", b"stopped.tdb\0").status, -1)
        self.cluster[1].must("continue")
        self.assert_flags(1, "OK")
        self.assertEqual(self.map_of(1), ["0", "1", "2"])
        self.assertIn("[later]", self.cluster[1].must("readkey", "stopped.tdb", "k"))

    def test_a_stopped_nodes_clients_wait(self):
        self.cluster[2].must("attach", "wait.tdb")
        self.cluster[2].must("stop")
        with self.cluster[2].client() as waiting:
            database = 0
            for entry in self.cluster[0].must("getdbmap").splitlines():
                if "name:wait.tdb" in entry:
                    database = int(entry.split()[0][len("dbid:"):], 16)
            waiting.raw(client.call_packet(database, b"k", reqid=7))
            self.assertEqual(waiting.control("get_pnn").status, 2)
            self.cluster[0].must("continue", "-n", "2")
            operation, reqid, _ = waiting.next_packet()
            self.assertEqual((operation, reqid), (client.reply_call, 7))

    def test_the_leader_is_the_lowest_that_may(self):
        self.assertEqual(self.cluster[2].must("leader"), "0\n")
        self.cluster[0].must("setleaderrole", "off")
        wait_until(lambda: self.cluster[2].must("leader") == "1\n", "node 1 does not lead")
        self.assertEqual(self.cluster[0].must("getcapabilities"), "LEADER: NO\nLMASTER: YES\n")
        self.cluster[1].must("stop")
        self.assertEqual(self.cluster[0].must("leader"), "2\n")
        self.assertEqual(self.cluster[1].must("leader"), "2\n", "also to one that is stopped")
        self.cluster[1].must("continue")
        self.cluster[0].must("setleaderrole", "on")
        wait_until(lambda: self.cluster[1].must("leader") == "0\n", "node 0 does not lead again")

    def test_a_node_that_masters_no_location_is_not_in_the_map(self):
        self.cluster[1].must("setlmasterrole", "off")
        wait_until(lambda: self.map_of(0) == ["0", "2"], "node 1 stays in the map")
        self.assertEqual(self.map_of(1), ["0", "2"])
        self.cluster[1].must("setlmasterrole", "on")
        wait_until(lambda: self.map_of(2) == ["0", "1", "2"], "node 1 does not come back into the map")

    def test_a_ban_ends_by_itself_or_when_told_to(self):
        self.cluster[0].must("ban", "2", "-n", "2")
        self.assert_flags(2, "BANNED|INACTIVE")
        wait_until(lambda: self.flags(0, 2) == "OK", "the ban does not end", 10)
        self.cluster[0].must("ban", "300", "-n", "2")
        self.assert_flags(2, "BANNED|INACTIVE")
        self.cluster[1].must("unban", "-n", "2")
        self.assert_flags(2, "OK")
        self.assertEqual(self.cluster[0].ctdb("ban", "0", "-n", "2").err, "Ban time cannot be zero\n")

    def test_bans_can_be_switched_off(self):
        self.cluster[1].must("setvar", "EnableBans", "0")
        with self.cluster[1].client() as asker:
            self.assertEqual(asker.control("set_ban_state", (1).to_bytes(4, "little") + (60).to_bytes(4, "little")).status, 0)
            self.assertEqual(asker.control("set_ban_state", (2).to_bytes(4, "little") + (60).to_bytes(4, "little")).status, -1)
        self.assertEqual(self.flags(0, 1), "OK")
        self.cluster[1].must("setvar", "EnableBans", "1")

    def test_recover_begins_a_new_generation_everywhere(self):
        before = self.generation(1)
        self.cluster[2].must("recover")
        self.assertNotEqual(self.generation(1), before)
        self.assertEqual(len({self.generation(node.pnn) for node in self.cluster}), 1)

    def test_a_node_that_returns_hears_what_the_others_are(self):
        self.cluster[0].must("disable", "-n", "1")
        self.cluster[2].kill()
        self.cluster[2].start()
        wait_until(lambda: self.cluster[2].process is not None and self.cluster[2].ctdb("nodestatus", "1").out.find("DISABLED") > 0,
                   "node 2 does not hear that node 1 is disabled")
        self.cluster[0].must("enable", "-n", "1")

    def test_a_node_may_start_as_stopped(self):
        self.cluster[2].stop()
        self.cluster[2].configure(ctdb="[legacy]\nstart as stopped = true\n")
        self.cluster[2].start()
        wait_until(lambda: self.flags(0, 2) == "UNHEALTHY|STOPPED|INACTIVE", lambda: self.flags(0, 2))
        self.cluster[2].must("continue")
        self.cluster[2].configure()
        self.cluster.wait_ok()


if __name__ == "__main__":
    story.main()
