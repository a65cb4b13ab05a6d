"""Every option that ctdb.conf has (ctdb-behaviour.md 7.3), one by one: what shows that it is honoured. The packaged
ctdb-config accepts each of these files, too; a file of which it complains is refused by us or told of. Logs: where they
go, how much of what, and that SIGHUP begins a new file."""

import os
import signal
import subprocess
from pathlib import Path

import story
from cluster import Cluster, run, wait_until

ctdb_config = Path("/usr/libexec/ctdb/ctdb-config")


class Options(story.Story):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=1)
        cls.addClassCleanup(cls.cluster.destroy)

    def setUp(self):
        self.node = self.cluster[0]
        self.addCleanup(self.node.stop)
        self.node.log.unlink(missing_ok=True)

    def started(self, lines, wait=True):
        self.node.stop()
        self.node.configure(ctdb=lines)
        if ctdb_config.exists():
            self.assertEqual(run([ctdb_config, "validate"], env=self.node.environment).code, 0, lines)
        self.node.start()
        if wait:
            self.cluster.wait_ok()
        return self.node

    def test_every_option(self):
        script = self.node.base / "debug.sh"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        must = self.node.must
        says = lambda *words: lambda: self.node.ctdb(*words).out
        walk = {  # lines; a question; what is in the answer
            "[logging]\nlog level = DEBUG\n": (says("getdebug"), "DEBUG"),
            "[logging]\nlog level = warn\n": (says("getdebug"), "WARNING"),
            "[cluster]\ntransport = tcp\n": (says("status"), "OK"),
            f"[cluster]\ncluster lock = {self.node.base}/the.lock\n": (says("getreclock"), "the.lock"),
            f"[cluster]\nrecovery lock = {self.node.base}/old.lock\n": (says("getreclock"), "old.lock"),
            "[cluster]\nleader timeout = 9\n": (says("leader"), "0"),
            "[cluster]\nleader capability = false\n": (says("getcapabilities"), "LEADER: NO"),
            "[database]\nlock debug script = debug.sh\n": (says("status"), "OK"),
            "[database]\ntdb mutexes = false\n": (lambda: must("attach", "plain.tdb") + must("getdbmap"), "plain.tdb"),
            "[event]\ndebug script = debug.sh\n": (says("status"), "OK"),
            "[failover]\ndisabled = true\n": (lambda: self.environment_of_daemon(), "CTDB_DISABLE_IP_FAILOVER"),
            "[legacy]\nrealtime scheduling = false\n": (says("status"), "OK"),
            "[legacy]\nlmaster capability = false\n": (says("getcapabilities"), "LMASTER: NO"),
            "[legacy]\nscript log level = INFO\n": (says("status"), "OK"),
        }
        for lines, (ask, answer) in walk.items():
            with self.subTest(lines):
                self.started(lines)
                self.assertIn(answer, ask())

    def environment_of_daemon(self):
        """of what it starts: its event daemon's."""
        children = Path(f"/proc/{self.node.process.pid}/task/{self.node.process.pid}/children").read_text().split()
        return "".join(Path(f"/proc/{child}/environ").read_text() for child in children)

    def test_a_node_may_start_disabled_or_stopped(self):
        for option, word in (("start as disabled", "DISABLED"), ("start as stopped", "STOPPED|INACTIVE")):
            with self.subTest(option):
                self.started(f"[legacy]\n{option} = true\n", wait=False)
                wait_until(lambda: word in self.node.ctdb("nodestatus").out, lambda: self.node.ctdb("nodestatus"))

    def test_the_log_begins_anew_at_sighup(self):
        self.started("")
        old = self.node.base / "log.old"
        os.rename(self.node.log, old)
        self.node.signal(signal.SIGHUP)
        wait_until(lambda: self.node.log.exists(), "no new log")
        self.node.must("setdebug", "DEBUG")
        self.node.must("ipreallocate")
        wait_until(lambda: "ctdbd" in self.node.log_text(), "nothing is written to the new log")

    def test_levels_say_what_is_written(self):
        self.started("[logging]\nlog level = ERROR\n")
        self.assertNotIn("Set runstate", self.node.log_text())
        self.started("[logging]\nlog level = DEBUG\n")
        self.assertIn("event monitor", self.node.log_text())

    def test_the_log_may_be_standard_error(self):
        self.node.configure()
        text = (self.node.base / "ctdb.conf").read_text().replace(f"file:{self.node.log}", "file:-")
        self.node.write("ctdb.conf", text)
        self.node.start()
        wait_until(lambda: "Set runstate to RUNNING" in (self.node.base / "stdout").read_text(), "nothing on standard error")

    def test_what_ctdb_config_says_of_a_wrong_file_we_say_too(self):
        if not ctdb_config.exists():
            self.skipTest("the packaged ctdb-config is not here")
        for lines in ("[cluster]\ntransport = ib\n", "[cluster]\nleader timeout = 0\n", "[logging]\nlog level = LOUD\n",
                      "[cluster]\nnode address = here\n", "[legacy]\nstart as stopped = perhaps\n"):
            with self.subTest(lines):
                self.node.configure(ctdb=lines)
                self.assertNotEqual(run([ctdb_config, "validate"], env=self.node.environment).code, 0)
                self.assertNotEqual(self.node.try_to_start().code, 0)


if __name__ == "__main__":
    story.main()
