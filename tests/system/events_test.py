"""Events: the packaged event daemon and scripts, run at their moments by our daemons (ctdb-behaviour.md 5.1, 5.5 to 5.7,
5.14). A script of the test's own writes down what it was called with, and can be told to fail or to hang; the last case
runs the distribution's scripts."""

import os
import signal
import shutil
import unittest
from pathlib import Path

import story
from cluster import Cluster, binaries, run, wait_until

SCRIPT = """#!/bin/sh
echo "$*" >> "$CTDB_BASE/events.log"
[ -e "$CTDB_BASE/hang.$1" ] && sleep 100
[ -e "$CTDB_BASE/fail.$1" ] && { echo "told to fail"; exit 1; }
exit 0
"""
NOTIFY = """#!/bin/sh
echo "$1" >> "$CTDB_BASE/notify.log"
"""


def equip(node):
    for name, text in ("events/legacy/50.test.script", SCRIPT), ("notify.sh", NOTIFY):
        path = node.base / name
        path.write_text(text)
        path.chmod(0o755)


def lines(node, name):
    path = node.base / name
    return path.read_text().split("\n")[:-1] if path.exists() else []


def event_daemon(node):
    """Its pid; 0 while it is being written."""
    text = (node.base / "run/eventd.pid").read_text().strip()
    return int(text or 0)


class Events(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(nodes=2)
        self.addCleanup(self.cluster.destroy)
        self.node = self.cluster[0]
        for node in self.cluster:
            equip(node)
            node.configure(tunables="MonitorInterval = 1\nEventScriptTimeout = 2\nMonitorTimeoutCount = 2\n")

    def flags(self):
        return self.cluster[1].ctdb("nodestatus", "0").out

    def test_every_event_at_its_moment_and_a_clean_end(self):
        self.cluster.start()
        said = lines(self.node, "events.log")
        first = [said.index(event) for event in ("init", "setup", "startrecovery", "recovered", "startup", "monitor")]
        self.assertEqual(first, sorted(first), said)
        self.assertEqual(said.count("init"), 1)
        wait_until(lambda: "ipreallocated" in lines(self.node, "events.log"), lambda: lines(self.node, "events.log"))
        wait_until(lambda: lines(self.node, "notify.log") == ["init", "setup", "startup", "healthy"], lambda: lines(self.node, "notify.log"))
        self.assertIn("50.test", self.node.must("event", "status", "legacy", "monitor"))
        before = lines(self.cluster[1], "events.log").count("recovered")
        self.node.must("shutdown")
        self.assertEqual(self.node.ended(), 0)
        self.assertEqual(lines(self.node, "events.log")[-1], "shutdown")
        wait_until(lambda: lines(self.cluster[1], "events.log").count("recovered") > before, "the other one does not recover")

    def test_a_failing_monitor_makes_the_node_unhealthy_and_a_good_one_heals_it(self):
        self.cluster.start()
        (self.node.base / "fail.monitor").touch()
        wait_until(lambda: "UNHEALTHY" in self.flags(), self.flags)
        self.assertIn("told to fail", self.node.ctdb("scriptstatus").out)
        (self.node.base / "fail.monitor").unlink()
        wait_until(lambda: " OK" in self.flags(), self.flags)
        wait_until(lambda: lines(self.node, "notify.log")[-2:] == ["unhealthy", "healthy"], lambda: lines(self.node, "notify.log"))

    def test_a_hanging_monitor_is_borne_a_few_times(self):
        self.cluster.start()
        (self.node.base / "hang.monitor").touch()
        wait_until(lambda: "UNHEALTHY" in self.flags(), self.flags)
        self.assertIn("TIMEDOUT", self.node.ctdb("scriptstatus").out)
        (self.node.base / "hang.monitor").unlink()
        wait_until(lambda: " OK" in self.flags(), self.flags)

    def test_another_event_daemon_takes_the_place_of_one_that_died(self):
        self.cluster.start()
        first = event_daemon(self.node)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: (self.node.base / "run/eventd.pid").exists() and event_daemon(self.node) not in (0, first), "there is no other one")
        count = lines(self.node, "events.log").count("monitor")
        wait_until(lambda: lines(self.node, "events.log").count("monitor") > count + 1, "nobody is monitored any more")
        wait_until(lambda: " OK" in self.flags(), self.flags)

    def test_a_daemon_that_was_killed_starts_again_at_once(self):
        self.cluster.start()
        orphan = event_daemon(self.node)
        self.node.kill()
        self.node.start()
        self.cluster.wait_ok()
        self.assertNotEqual(event_daemon(self.node), orphan)

    def test_a_node_whose_startup_fails_does_not_run_until_it_succeeds(self):
        (self.node.base / "fail.startup").touch()
        for node in self.cluster:
            node.start()
        wait_until(lambda: lines(self.node, "events.log").count("startup") == 2, "it is not tried again")
        self.assertEqual(self.node.ctdb("runstate").out, "STARTUP\n")
        (self.node.base / "fail.startup").unlink()
        self.cluster.wait_ok()

    def test_a_node_whose_init_fails_does_not_start(self):
        for event in "init", "setup":
            (self.node.base / f"fail.{event}").touch()
            self.assertEqual(self.node.try_to_start().code, 1, event)
            (self.node.base / f"fail.{event}").unlink()

    def test_a_node_without_an_event_daemon_does_not_start(self):
        ended = run([binaries / "ctdbd", "-i"], env={**self.node.environment, "CTDB_EVENTD": "/bin/false"}, stdin=None)
        self.assertEqual(ended.code, 1)
        self.assertIn("/bin/false", self.node.log_text())

    def test_a_stopped_node_is_not_monitored(self):
        self.cluster.start()
        self.node.must("stop")
        count = lines(self.node, "events.log").count("monitor")
        recovered = lines(self.cluster[1], "events.log").count("recovered")
        self.node.must("continue")
        wait_until(lambda: lines(self.node, "events.log").count("monitor") > count, "it is not monitored again")
        wait_until(lambda: lines(self.cluster[1], "events.log").count("recovered") > recovered, "nothing was recovered")


class PackagedScripts(unittest.TestCase):
    packaged = Path("/usr/share/ctdb/events/legacy")

    def test_the_distributions_scripts_make_a_node_healthy(self):
        if not self.packaged.is_dir():
            self.skipTest("the package ctdb is not installed")
        self.cluster = cluster = Cluster(nodes=2)
        self.addCleanup(cluster.destroy)
        names = ["00.ctdb", "01.reclock", "05.system", "10.interface"]
        for node in cluster:
            for name in names:
                (node.base / f"events/legacy/{name}.script").symlink_to(self.packaged / f"{name}.script")
            shutil.copy("/etc/ctdb/functions", node.base / "functions")
        cluster.start()
        for name in names:
            self.assertRegex(cluster[0].must("event", "status", "legacy", "startup"), rf"{name} +OK")
            self.assertRegex(cluster[0].must("scriptstatus"), rf"{name} +OK")


if __name__ == "__main__":
    story.main()
