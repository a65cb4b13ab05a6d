"""A cluster lock beside the votes (ctdb-behaviour.md 5.10): three of our daemons, the packaged fcntl helper or one of the
test's own that does what files tell it."""

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

import story
from cluster import Cluster, wait_until

PACKAGED = Path("/usr/libexec/ctdb/ctdb_mutex_fcntl_helper")

# Keeps the contract, without a lock: says what the file `answer` beside it says, or nothing while there is none; with
# "0" it stays until `answer` changes.
HELPER = """#!/bin/sh
here=$(dirname "$0")
parent=$PPID
while [ ! -e "$here/answer" ]; do sleep 0.05; kill -0 $parent || exit 0; done
answer=$(cat "$here/answer")
printf %s "$answer"
[ "$answer" = 0 ] || exit 0
while [ "$(cat "$here/answer" 2>/dev/null)" = 0 ] && kill -0 $parent 2>/dev/null; do sleep 0.05; done
"""


class LockTest(unittest.TestCase):
    def make(self, lock, nodes=3, totem=""):
        self.cluster = Cluster(nodes)
        self.addCleanup(self.cluster.destroy)
        self.directory = self.cluster.directory
        for node in self.cluster:
            node.configure(ctdb=f"[cluster]\ncluster lock = {lock(self.directory)}\n", totem=totem.format(self.directory))
        return self.cluster

    def start_all(self):
        for node in self.cluster:
            node.start()

    def logged(self, node, words):
        wait_until(lambda: words in self.cluster[node].log_text(), f"node {node} does not say \"{words}\"")

    def serves(self, node):
        with self.cluster[node].client() as asker:
            return asker.control("get_recmode").status == 0


class Packaged(LockTest):
    def setUp(self):
        if not PACKAGED.exists():
            self.skipTest("the package ctdb is not installed")
        self.make(lambda directory: directory / "lock")

    def someone_elses(self):
        """Another holder of the lock, if it can be had."""
        holder = subprocess.Popen([PACKAGED, self.directory / "lock"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.terminate)
        return holder, holder.stdout.read(1)

    def test_a_component_that_serves_has_the_lock(self):
        self.cluster.start()
        self.assertEqual(self.cluster[1].must("getreclock"), f"{self.directory}/lock\n")
        self.assertEqual(self.someone_elses()[1], b"1")

    def test_nobody_serves_while_somebody_else_has_it(self):
        holder, answer = self.someone_elses()
        self.assertEqual(answer, b"0")
        self.start_all()
        self.logged(0, "somebody else has the cluster lock")
        self.assertFalse(any(self.serves(node.pnn) for node in self.cluster))
        holder.terminate()
        self.cluster.wait_ok()

    def test_the_lock_goes_with_the_lowest_node(self):
        self.cluster.start()
        self.cluster[0].kill()
        self.logged(1, "the cluster lock is ours")
        wait_until(lambda: self.serves(2), "node 2 does not serve")
        self.cluster[0].start()
        wait_until(lambda: self.cluster[0].log_text().count("the cluster lock is ours") == 2, "it does not come back")
        self.cluster.wait_ok()
        self.assertEqual(self.someone_elses()[1], b"1")

    def test_a_lock_file_that_vanishes_is_made_again(self):
        self.cluster.start()
        (self.directory / "lock").unlink()
        self.logged(0, "the cluster lock is lost")
        wait_until(lambda: self.cluster[0].log_text().count("the cluster lock is ours") == 2, "it is not taken again")
        self.assertTrue(all(self.serves(node.pnn) for node in self.cluster))


class TwoNodes(LockTest):
    """Who is left of two goes on if the lock says so, and then the other one waits for him."""

    PATIENCE = 1.5

    def setUp(self):
        if not PACKAGED.exists():
            self.skipTest("the package ctdb is not installed")

    def make_two(self, witness):
        totem = "[quorum]\nwitness = {}/witness\nlock patience = " + str(int(1000 * self.PATIENCE)) + "\n" if witness else ""
        self.make(lambda directory: directory / "lock", 2, totem).start()

    def test_without_a_witness_votes_decide_and_the_higher_one_stops(self):
        self.make_two(witness=False)
        self.cluster[0].kill()
        self.logged(1, "no quorum")
        time.sleep(2 * self.PATIENCE)
        self.assertFalse(self.serves(1))
        self.cluster[0].start()
        self.cluster.wait_ok()

    def test_the_survivor_goes_on_and_the_other_waits_for_it(self):
        self.make_two(witness=True)
        self.cluster[1].must("attach", "kept.tdb", "persistent")
        self.cluster[0].kill()
        self.logged(1, "no quorum")
        killed = time.monotonic()
        wait_until(lambda: self.serves(1), "the survivor does not go on")
        self.assertGreater(time.monotonic() - killed, self.PATIENCE / 2)  # the others come first, if there are any
        self.cluster.wait_ok([self.cluster[1]])
        self.cluster[1].must("pstore", "kept.tdb", "key", "committed alone")
        self.cluster[1].kill()

        self.cluster[0].start()
        self.logged(0, "0 of 1 of component")
        time.sleep(2 * self.PATIENCE)
        self.assertFalse(self.serves(0))
        self.cluster[1].start()
        self.cluster.wait_ok()
        self.assertEqual(self.cluster[0].must("pfetch", "kept.tdb", "key"), "committed alone\n")

    def test_who_is_paused_keeps_the_lock_and_the_other_waits(self):
        self.make_two(witness=True)
        self.cluster[0].signal(signal.SIGSTOP)
        self.logged(1, "somebody else has the cluster lock")
        self.assertFalse(self.serves(1))
        self.cluster[0].signal(signal.SIGCONT)
        self.cluster.wait_ok()

    def test_a_witness_that_cannot_be_read_lets_nobody_go_on(self):
        self.make_two(witness=True)
        (self.directory / "witness").write_text("nonsense")
        self.cluster[0].kill()
        self.logged(1, "the cluster lock is ours")
        self.logged(1, "the witness of the cluster lock fails")
        self.assertFalse(self.serves(1))
        self.cluster[0].start()
        self.logged(0, "the witness of the cluster lock fails")
        self.assertFalse(self.serves(0))
        (self.directory / "witness").unlink()  # the administrator says: it knows of nothing
        self.cluster.wait_ok()


class Command(LockTest):
    def setUp(self):
        self.make(lambda directory: f"!{directory}/helper some words")
        helper = self.directory / "helper"
        helper.write_text(HELPER)
        helper.chmod(0o755)

    def say(self, answer):
        (self.directory / "new").write_text(answer)
        os.replace(self.directory / "new", self.directory / "answer")

    def test_any_helper_will_do_and_one_that_hangs_keeps_nobody_waiting_but_us(self):
        self.start_all()
        wait_until(lambda: "forming" in self.cluster[0].log_text(), "no component is tried")
        self.assertFalse(self.serves(0))
        self.assertIn("response from 1", self.cluster[0].ctdb("ping", "-n", "1").out)
        self.say("0")
        self.cluster.wait_ok()
        self.assertEqual(self.cluster[0].must("getreclock"), f"!{self.directory}/helper some words\n")

    def test_a_helper_that_fails_is_asked_again(self):
        self.say("3")
        self.start_all()
        self.logged(0, "the cluster lock helper failed")
        self.say("0")
        self.cluster.wait_ok()

    def test_who_loses_the_lock_to_somebody_else_ends_and_a_dead_file_system_ends_nobody(self):
        self.say("0")
        self.cluster.start()
        self.say("3")
        self.logged(0, "the cluster lock helper failed")
        self.assertTrue(self.serves(0))
        self.say("1")
        self.assertEqual(self.cluster[0].ended(), 1)
        self.assertIn("the cluster lock was lost to somebody else", self.cluster[0].log_text())
        self.logged(1, "somebody else has the cluster lock")
        self.assertFalse(self.serves(1))
        self.say("0")
        self.cluster.wait_ok([self.cluster[1], self.cluster[2]])


if __name__ == "__main__":
    story.main()
