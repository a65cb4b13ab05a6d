"""Every option that ctdb.conf has (ctdb-behaviour.md 7.3), one by one: what shows that it is honoured. The packaged
ctdb-config accepts each of these files, too; a file of which it complains is refused by us or told of. Logs: where they
go, how much of what, and that SIGHUP begins a new file. The debugging scripts: that they are called, and with what."""

import fcntl
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import story
from client import call_packet, reply_call
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

    def started(self, lines, wait=True, **more):
        self.node.stop()
        self.node.configure(ctdb=lines, **more)
        if ctdb_config.exists():
            self.assertEqual(run([ctdb_config, "validate"], env=self.node.environment).code, 0, lines)
        self.node.start()
        if wait:
            self.cluster.wait_ok()
        return self.node

    def test_every_option(self):
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
            "[database]\ntdb mutexes = false\n": (lambda: must("attach", "plain.tdb") + must("getdbmap"), "plain.tdb"),
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

    def test_each_facility_may_have_a_level_of_its_own(self):
        self.started("[logging]\nlog level = ERROR\n", totem="[logging]\n    events = DEBUG\n    ring = INFO\n")
        text = self.node.log_text()
        self.assertIn("event startup", text)
        self.assertIn("members=[1]", text)
        self.assertNotIn("Set runstate", text)
        self.node.must("setdebug", "DEBUG")  # of what has none of its own
        self.node.must("setdebug", "ERROR")
        before = len(self.node.log_text())
        self.node.must("ipreallocate")
        wait_until(lambda: "event ipreallocated" in self.node.log_text()[before:], "events lost their level")

    def logging_to(self, location):
        self.node.stop()
        self.node.configure()
        text = (self.node.base / "ctdb.conf").read_text().replace(f"file:{self.node.log}", location)
        self.node.write("ctdb.conf", text)
        self.node.start()

    def listener(self, family, place):
        """Stands in for the syslog daemon."""
        listener = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        try:
            listener.bind(place)
        except OSError as error:
            self.skipTest(f"{place} is not free ({error}): a syslog daemon runs here")
        listener.settimeout(30)
        return listener

    def heard(self, listener, form):
        form = re.compile(form)
        while not form.match(line := listener.recv(8192).decode()):
            self.assertNotIn("Set runstate to RUNNING", line, "not in its form")

    def test_the_log_may_go_to_syslog(self):
        listener = self.listener(socket.AF_UNIX, "/dev/log")
        self.addCleanup(os.unlink, "/dev/log")
        old = r"<29>\w{3} [ \d]\d \d\d:\d\d:\d\d ctdbd\[\d+\]: Set runstate to RUNNING"
        for location in "syslog", "syslog:nonblocking":
            with self.subTest(location):
                self.logging_to(location)
                self.heard(listener, old)
        datagrams = self.listener(socket.AF_INET, ("127.0.0.1", 514))
        forms = {"syslog:udp": old, "syslog:udp-rfc5424":
                 r"<29>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z node\.0 ctdbd \d+ - - Set runstate to RUNNING"}
        for location, form in forms.items():
            with self.subTest(location):
                self.logging_to(location)
                self.heard(datagrams, form)

    def test_a_syslog_that_nobody_reads_stops_nobody(self):
        self.listener(socket.AF_UNIX, "/dev/log")  # its queue is short, and full soon
        self.addCleanup(os.unlink, "/dev/log")
        self.logging_to("syslog:nonblocking")
        self.cluster.wait_ok()
        self.node.must("setdebug", "DEBUG")
        for _ in range(20):
            self.node.must("ipreallocate")

    def script(self, name):
        """That writes down what it is called with."""
        script = self.node.base / name
        script.write_text('#!/bin/sh\necho "$*" >> "$0.calls"\n')
        script.chmod(0o755)
        calls = self.node.base / f"{name}.calls"
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    def test_the_lock_debug_script_hears_of_a_chain_that_is_held_for_long(self):
        calls = self.script("locks.sh")
        self.started("[database]\nlock debug script = locks.sh\ntdb mutexes = false\n")
        with self.node.client() as client:
            database = client.attach("held.tdb")
            with open(self.node.path_of("held.tdb"), "rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX, 0, 168)  # every chain
                client.raw(call_packet(database, b"key", reqid=1))
                [call, *_] = wait_until(calls, "the script is not called")
            self.assertRegex(call, rf"^\d+ RECORD {re.escape(str(self.node.path_of('held.tdb')))} FCNTL$")
            self.assertIn("Unable to get RECORD lock on database held.tdb", self.node.log_text())
            self.assertEqual(client.next_packet()[0], reply_call)  # the file was closed, so it is free

    def test_the_event_debug_script_hears_of_a_script_that_hangs(self):
        calls = self.script("hung.sh")
        hanging = self.node.base / "events/legacy/77.hang.script"
        hanging.write_text('#!/bin/sh\n[ "$1" != monitor ] || exec sleep 100\n')
        hanging.chmod(0o755)
        self.addCleanup(hanging.unlink)
        self.addCleanup((self.node.base / "ctdb.tunables").unlink)
        self.started("[event]\ndebug script = hung.sh\n", wait=False, tunables="EventScriptTimeout = 1\nMonitorInterval = 1\n")
        [call, *_] = wait_until(calls, "the script is not called")
        self.assertRegex(call, r"^\d+ monitor")

    def test_the_log_may_be_standard_error(self):
        self.logging_to("file:-")
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
