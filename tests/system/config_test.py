"""What a wrong configuration is told: the file, the line, the key and what to do about it, and an exit that is not 0.

Each mistake is made alone, in an otherwise good configuration of a real daemon that then refuses to start; at the end
are mistakes that only a network shows."""

import json
import os
import re
import socket

import story
from cluster import Cluster, binaries, run, wait_until

ctdb_conf = """[logging]
    location = file:{base}/log.ctdb
[cluster]
    node address = {address}
[database]
    volatile database directory = {base}/db/volatile
    persistent database directory = {base}/db/persistent
    state database directory = {base}/db/state
"""  # 8 lines

# Lines that are added to ctdb.conf; what is said of them.
wrong_ctdb_conf = {
    "[cluster]\ntransport = ib": ["Invalid value for [cluster] -> transport = ib", "line 10", "only tcp"],
    "[cluster]\nleader timeout = never": ["[cluster] -> leader timeout = never", "line 10", "number of seconds"],
    "[cluster]\nleader timeout = 0": ["[cluster] -> leader timeout = 0", "line 10", "at least 1"],
    "[cluster]\nnode address = here": ["[cluster] -> node address = here", "line 10", "IPv4 or IPv6 address"],
    "[cluster]\nleader capability = perhaps": ["[cluster] -> leader capability = perhaps", "line 10", "true or false"],
    "[cluster]\ncluster lock =": ["Empty value for [cluster] -> cluster lock", "line 10", "remove the line"],
    "[logging]\nlog level = LOUD": ["[logging] -> log level = LOUD", "line 10", "ERROR, WARNING, NOTICE, INFO or DEBUG"],
    "[logging]\nlocation = pigeon:": ["[logging] -> location = pigeon:", "line 10", "file:PATH, syslog"],
    "[logging]\nlocation = file:/nowhere/at/all": ["/nowhere/at/all", "line 10", "mkdir -p /nowhere/at"],
    "[database]\nvolatile database directory = /nowhere": ['"/nowhere" does not exist', "line 10", "mkdir -p /nowhere"],
    "[database]\ntdb mutexes = 2": ["[database] -> tdb mutexes = 2", "line 10", "true or false"],
    "[database]\nlock debug script = missing.sh": ["missing.sh", "line 10", "does not exist"],
    "[legacy": ["Section [legacy has no closing bracket", "line 9", "[legacy]"],
}

# Lines that are added below [ring], on line 2 of totem.conf.
wrong_totem_conf = {
    "colour = red": ["Unknown option [ring] -> colour", "line 2", "[ring] knows cluster name"],
    "port = 0": ["[ring] -> port = 0", "line 2", "1 to 65535"],
    "port = http": ["[ring] -> port = http", "line 2", "1 to 65535"],
    "port = 4000\ntoken port = 4000": ["port and token port are both 4000", "they must differ"],
    "transport = carrier": ["[ring] -> transport = carrier", "line 2", "multicast or unicast"],
    "multicast group = 10.0.0.1": ["[ring] -> multicast group = 10.0.0.1", "line 2", "multicast address"],
    "mtu = 100": ["[ring] -> mtu = 100", "line 2", "auto or a number from 576"],
    "key file = relative/key": ["[ring] -> key file = relative/key", "line 2", "begins with /"],
    "token loss timeout = 5": ["[ring] -> token loss timeout = 5", "line 2", "10 to 600000"],
    "accelerated window = 101": ["[ring] -> accelerated window = 101", "line 2", "0 to 100"],
    "spin = 10001": ["[ring] -> spin = 10001", "line 2", "0 to 10000"],
    "[quorum]\nrule = dictatorship": ["[quorum] -> rule = dictatorship", "line 3", "dynamic or majority"],
    "[lock]\ncontrol socket = /" + 110 * "x": ["[lock] -> control socket", "line 3", "at most 107 bytes"],
    "[rings]": ["Unknown section [rings]", "line 2", "[ring], [quorum], [lock] and [logging]"],
    "just words": ["Not an option", "line 2", "name = value"],
}

wrong_nodes = {
    "": ["The nodes file names no node", "one a line"],
    "# {address}\n": ["The nodes file names no node", "one a line"],
    "{address}\nlocalhost\n": ['"localhost" is no IPv4 or IPv6 address', "line 2", "one address and nothing else"],
    "{address} 127.0.0.9\n": ["is no IPv4 or IPv6 address", "line 1"],
    "{address}\n\n{address}\n": ["stands there twice", "line 3", "line 1 already"],
    "127.0.0.9\n": ["no node has the address {address}", "ctdb.conf", "nodes"],
}

# These do not end the start; the log tells.
odd_tunables = {
    "Nonsense=1": ['Unknown tunable "Nonsense"', "line 1", "ctdb listvars"],
    "MonitorInterval=soon": ['Invalid value "soon" for tunable "MonitorInterval"', "line 1", "a number from 0"],
    "MonitorInterval 15": ['Invalid line containing "MonitorInterval 15"', "line 1", "NAME=VALUE"],
    "# fine\n\nLCP2PublicIPs=1": ['Obsolete tunable "LCP2PublicIPs"', "line 3", "the line can go"],
}


class Configuration(story.Story):
    """One node, which never runs for long."""

    nodes = 1

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=1)
        cls.addClassCleanup(cls.cluster.destroy)

    def setUp(self):
        self.node = self.cluster[0]
        self.node.configure()
        self.addCleanup(self.node.stop)

    def refused(self, says, file=None, code=1):
        """The daemon does not start, and says all of this."""
        result = self.node.try_to_start()
        told = result.out + result.err + self.node.log_text()
        if code is None:
            self.assertGreater(result.code, 0, told)
        else:
            self.assertEqual(result.code, code, told)
        for part in [*says, *([str(self.node.base / file)] if file else [])]:
            self.assertIn(part.format(address=self.node.address, base=self.node.base), told)
        for left in "ctdbd.pid", "totem.socket":
            self.assertFalse((self.node.base / "run" / left).exists(), f"{left} is left behind")
        return told

    def accepted(self):
        self.node.start()
        self.cluster.wait_ok()

    def test_ctdb_conf(self):
        for lines, says in wrong_ctdb_conf.items():
            with self.subTest(lines):
                self.node.write("ctdb.conf", ctdb_conf.format(base=self.node.base, address=self.node.address) + lines + "\n")
                self.refused(says, "ctdb.conf")

    def test_ctdb_conf_may_name_what_nobody_knows(self):
        """As the stock daemon, for files that newer or older versions wrote: it is told, and ignored."""
        self.node.configure(ctdb="[cluster]\nrecovery lock = /tmp/x\n[weather]\nforecast = rain\n[legacy]\nfoo bar = 1\n")
        self.node.write("ctdb.conf", (self.node.base / "ctdb.conf").read_text().replace("recovery lock = /tmp/x\n", ""))
        self.accepted()
        for said in "unknown section [weather]", 'unknown option "foo bar"':
            self.assertIn(said, self.node.log_text())

    def test_totem_conf(self):
        for lines, says in wrong_totem_conf.items():
            with self.subTest(lines):
                self.node.write("totem.conf", f"[ring]\n{lines}\n")
                self.refused(says, "totem.conf")

    def test_every_token_loss_timeout_that_is_accepted_makes_a_ring(self):
        for milliseconds in 10, 299, 301, 5000, 600000:
            with self.subTest(milliseconds):
                text = (self.node.base / "totem.conf").read_text()
                self.node.write("totem.conf", "".join(line for line in text.splitlines(True) if "token loss" not in line)
                                + f"token loss timeout = {milliseconds}\n")
                self.node.start()
                wait_until(lambda: self.node.ctdb("ping").code == 0 or not self.node.runs, "it does not answer")
                self.assertTrue(self.node.runs)
                self.node.stop()
                self.node.configure()

    def test_nodes(self):
        for text, says in wrong_nodes.items():
            with self.subTest(text):
                self.node.write("nodes", text.format(address=self.node.address))
                self.refused(says, "nodes")

    def test_no_nodes_file(self):
        (self.node.base / "nodes").unlink()
        self.refused(["Failed to read nodes file", "write the address of every node"], "nodes")

    def test_tunables(self):
        for text, says in odd_tunables.items():
            with self.subTest(text):
                self.node.configure(tunables=text + "\n")
                self.node.log.unlink(missing_ok=True)
                self.accepted()
                for part in [*says, str(self.node.base / "ctdb.tunables")]:
                    self.assertIn(part, self.node.log_text())
                self.node.stop()
        (self.node.base / "ctdb.tunables").unlink()

    def test_tunables_are_read(self):
        self.node.configure(tunables="# of ours\nMonitorInterval=0x10\nvacuuminterval = 3\n")
        self.accepted()
        self.assertIn("= 16", self.node.must("getvar", "MonitorInterval"))
        self.assertIn("= 3", self.node.must("getvar", "VacuumInterval"))
        (self.node.base / "ctdb.tunables").unlink()

    # -- the key

    def with_key(self, content, mode=0o600):
        key = self.node.base / "bad.key"
        key.unlink(missing_ok=True)
        key.write_text(content)
        key.chmod(mode)
        self.node.write("totem.conf", f"[ring]\nkey file = {key}\n")
        return str(key)

    def test_no_key_file(self):
        self.node.write("totem.conf", f"[ring]\nkey file = {self.node.base}/no.key\n")
        self.refused(["{base}/no.key", "totem-keygen"])

    def test_a_key_file_that_others_may_read(self):
        key = self.with_key(self.cluster.key.read_text(), 0o644)
        self.refused([f"chmod 600 {key}", "mode 0644"])

    def test_a_key_file_that_is_none(self):
        for content, says in (("", ["no key in it", "totem-keygen"]), ("# nothing\n", ["no key in it"]),
                              ("secret\n", ["bad.key:1", "unknown word `secret`"]),
                              ("key 1 rot13 AAAA\n", ["bad.key:1", "unknown cipher `rot13`"]),
                              ("key 1 aes256-gcm AAAA\n", ["bad.key:1", "not 32 bytes in base64", "totem-keygen"]),
                              ("key one aes256-gcm AAAA\n", ["bad.key:1", "`one` is not a number"])):
            with self.subTest(content):
                self.with_key(content)
                self.refused(says)

    def test_totem_keygen_never_overwrites_a_key(self):
        before = self.cluster.key.read_text()
        result = run([binaries / "totem-keygen", self.cluster.key])
        self.assertNotEqual(result.code, 0)
        self.assertIn(str(self.cluster.key), result.err)
        self.assertEqual(self.cluster.key.read_text(), before)
        self.assertEqual(self.cluster.key.stat().st_mode & 0o777, 0o600)

    # -- the surroundings

    def test_the_directory_of_the_socket_is_missing(self):
        run_directory = self.node.base / "run"
        for left in run_directory.iterdir():
            left.unlink()
        run_directory.rmdir()
        self.addCleanup(run_directory.mkdir)
        result = self.node.try_to_start()
        self.assertIn(result.code, (10, 11))
        self.assertIn(str(run_directory), result.out + result.err + self.node.log_text())
        self.assertIn("No such file or directory", result.out + result.err + self.node.log_text())

    def test_the_path_of_the_socket_is_too_long(self):
        long = f"/tmp/{'x' * 110}"
        result = run([binaries / "ctdbd", "-i"], env={**self.node.environment, "CTDB_SOCKET": long})
        self.assertEqual(result.code, 1)
        self.assertIn("at most 107 bytes", result.err)

    def test_no_base(self):
        environment = self.node.environment
        del environment["CTDB_BASE"]
        result = run([binaries / "ctdbd", "-i"], env=environment)
        self.assertEqual(result.code, 1)
        self.assertIn("CTDB_BASE", result.err)

    def test_a_port_that_is_taken(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            port = self.cluster.addresses.token_port
            taken.bind((self.node.address, port))
            self.refused([f"{self.node.address}:{port}", "Address already in use", "another port in totem.conf"], code=None)

    def test_a_second_daemon_on_the_same_directories(self):
        self.accepted()
        result = self.node.try_to_start()
        self.assertEqual(result.code, 11)
        told = result.out + result.err + self.node.log_text()
        self.assertIn(str(self.node.base / "run" / "ctdbd.pid"), told)
        self.assertIn("is a ctdbd running already?", told)
        self.node.must("status")
        self.assertTrue(self.node.socket.exists() and self.node.control.exists(), "the first one keeps its doors")

    def test_a_directory_that_nobody_may_write(self):
        state = self.node.base / "db" / "state"
        if os.geteuid() == 0:
            # Nothing is forbidden to root; a file in the directory's place is.
            blocked = state / "totem"
            for left in blocked.iterdir() if blocked.exists() else ():
                left.unlink()
            if blocked.exists():
                blocked.rmdir()
            blocked.write_text("in the way")
            self.addCleanup(blocked.unlink)
        else:
            state.chmod(0o500)
            self.addCleanup(state.chmod, 0o700)
        self.refused([str(state / "totem")], code=None)

    def test_a_state_file_that_is_lost(self):
        self.accepted()
        self.node.stop()
        votes = self.node.base / "db" / "state" / "totem" / "votes.0"
        content = votes.read_bytes()
        self.addCleanup(votes.write_bytes, content)
        votes.unlink()
        self.refused([str(votes), "it is missing", "new identity = true", "totem.conf"])
        votes.write_bytes(b"\xff" * 20)
        self.refused([str(votes), "damaged", "new identity = true"])

    def test_command_line(self):
        for words, code in ((["-x"], 1), (["extra"], 1), (["--help"], 0), (["--usage"], 0)):
            result = run([binaries / "ctdbd", *words], env=self.node.environment)
            self.assertEqual(result.code, code, result)


class FullDisk(story.Story):
    """Node 1 has a directory on a file system of 3 MiB (which needs root, and leave to mount). It ends and says why; a
    commit that it could not make durable was not answered as if it were; the others go on."""

    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        pass

    def begin_with_small(self, kind):
        self.cluster = Cluster(nodes=3)
        self.addCleanup(self.cluster.destroy)
        small = self.cluster[1].base / "db" / kind
        mounted = run(["mount", "-t", "tmpfs", "-o", "size=3m", "totem-test", small]) if os.geteuid() == 0 else None
        if mounted is None or mounted.code != 0:
            self.skipTest(f"A FULL DISK IS NOT TESTED: {mounted or 'only root may mount'}")
        self.addCleanup(run, ["umount", "-l", small])
        self.cluster.start()
        return self.cluster[1]

    def ended_for_lack_of_room(self, full, database):
        wait_until(lambda: not full.runs, "a full disk does not end it")
        self.assertEqual(full.ended(), 1)
        self.assertRegex(full.tail(), rf"{re.escape(database)}.*\d+ bytes are free on its file system")
        self.cluster.wait_ok([self.cluster[0], self.cluster[2]])

    def test_for_commits(self):
        full = self.begin_with_small("persistent")
        self.cluster[0].must("attach", "big.tdb", "persistent")
        value, stored = "x" * 100_000, 0
        while full.runs and stored < 60:
            result = self.cluster[0].ctdb("pstore", "big.tdb", f"key{stored}", value)
            if result.code != 0:
                break
            stored += 1
        self.assertGreater(stored, 0)
        self.ended_for_lack_of_room(full, "big.tdb")
        self.cluster[2].must("pstore", "big.tdb", "after", "yes")
        for number in range(stored):
            self.assertEqual(self.cluster[2].must("pfetch", "big.tdb", f"key{number}"), f"{value}\n")

    def test_for_volatile_records(self):
        full = self.begin_with_small("volatile")
        self.cluster[0].must("attach", "volatile.tdb")
        self.ended_for_lack_of_room(full, "volatile.tdb")
        self.cluster[2].must("writekey", "volatile.tdb", "k", "v")


class KeyOfAnotherCluster(story.Story):
    """A node with a wrong key stays out and says why; the ring does not notice it."""

    nodes = 3

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=3)
        cls.addClassCleanup(cls.cluster.destroy)

    def setUp(self):
        pass

    def test_the_ring_is_not_disturbed(self):
        stranger = self.cluster[2]
        other = self.cluster.directory / "other.key"
        self.assertEqual(run([binaries / "totem-keygen", other]).code, 0)
        text = (stranger.base / "totem.conf").read_text()
        stranger.write("totem.conf", text.replace(str(self.cluster.key), str(other)))
        pair = [self.cluster[0], self.cluster[1]]
        for node in pair:
            node.start()
        self.cluster.wait_ok(pair)
        ring = pair[0].totemctl("status", "--json").out
        stranger.start()
        for node in stranger, pair[0]:
            wait_until(lambda: "packets refused" in node.log_text(), f"node {node.pnn} does not say whom it does not hear")
            self.assertRegex(node.log_text(), "packets refused, the last of them from 127[0-9.]+: they are not sealed "
                             "with our key: the key file must be the same on all nodes")
        self.cluster.wait_ok(pair)
        before, after = json.loads(ring), json.loads(pair[0].totemctl("status", "--json").out)
        self.assertEqual(after["ring"], before["ring"])
        self.assertFalse(stranger.sees(3))
        stranger.stop()
        stranger.write("totem.conf", text)
        stranger.start()
        self.cluster.wait_ok()


if __name__ == "__main__":
    story.main()
