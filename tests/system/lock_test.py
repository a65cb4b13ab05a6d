"""totem-lock on three nodes: one holder at a time, one queue that all nodes agree on, and a lock that lives exactly
as long as its holder. What the program does on one node alone is tests/net/control_test.cpp."""

import json
import os
import signal
import socket
import subprocess

import story
from cluster import Cluster, binaries, run, wait_until


class Locking(story.Story):
    def setUp(self):
        super().setUp()
        self.lock = self.id().split(".")[-1]
        self.directory = self.cluster.directory / self.lock
        self.directory.mkdir()
        self.programs = []
        self.addCleanup(self.end_all)

    def end_all(self):
        self.enough()
        for program in self.programs:
            if program.poll() is None:
                program.terminate()
            program.communicate()

    def begin(self, pnn, *command, options=(), lock=None):
        """totem-lock on that node, with a process group of its own."""
        program = subprocess.Popen([binaries / "totem-lock", "--socket", self.cluster[pnn].control, *options,
                                    lock or self.lock, "--", *command], stderr=subprocess.PIPE, encoding="utf-8")
        self.programs.append(program)
        return program

    # A command that says that it runs, and ends when it is told to (or with the test).
    def hold(self, pnn, name, **more):
        script = f"echo $$ >{self.directory}/{name}.new; mv {self.directory}/{name}.new {self.directory}/{name}; " \
                 f"until [ -e {self.directory}/enough ] || [ ! -e {self.directory} ]; do sleep 0.02; done"
        return self.begin(pnn, "sh", "-c", script, **more)

    def enough(self):
        (self.directory / "enough").touch()

    def holds(self, name):
        return (self.directory / name).exists()

    def wait_holding(self, name):
        wait_until(lambda: self.holds(name), lambda: f"{name} never gets the lock: {self.queues()}")
        return int((self.directory / name).read_text())

    def queue(self, pnn):
        """The nodes in the lock's queue, as that node's daemon knows it."""
        result = self.cluster[pnn].totemctl("locks", "--json")
        self.assertEqual(result.code, 0, result)
        queues = {each["name"]: each["queue"] for each in json.loads(result.out)["locks"]}
        return [claim["node"] for claim in queues.get(self.lock, [])]

    def queues(self):
        return [self.queue(node.pnn) for node in self.cluster if node.runs]

    def wait_queue(self, expected):
        wait_until(lambda: all(queue == expected for queue in self.queues()),
                   lambda: f"the queues are {self.queues()} and not {expected}")

    # -- order

    def test_one_at_a_time(self):
        log = self.directory / "log"
        script = f"echo in >>{log}; sleep 0.01; echo out >>{log}"
        programs = [self.begin(number % 3, "sh", "-c", script) for number in range(15)]
        for program in programs:
            _, errors = program.communicate(timeout=60)
            self.assertEqual((program.returncode, errors), (0, ""))
        self.assertEqual(log.read_text(), "in\nout\n" * 15)
        self.wait_queue([])

    def test_all_nodes_show_the_same_queue_and_it_is_served_in_order(self):
        for place, pnn in enumerate((2, 0, 1, 0)):
            self.hold(pnn, f"place{place}")
            wait_until(lambda: len(self.queue(pnn)) == place + 1, "the claim does not show")
        self.wait_queue([2, 0, 1, 0])
        shown = {node.totemctl("locks").out for node in self.cluster}
        name = self.lock
        self.assertEqual(shown, {f"{name} 1 node 2 holds\n{name} 2 node 0 waits\n{name} 3 node 1 waits\n"
                                 f"{name} 4 node 0 waits\n"})
        self.wait_holding("place0")
        self.assertFalse(self.holds("place1"))
        self.enough()
        order = [self.wait_holding(f"place{place}") for place in range(4)]
        self.assertEqual(len(set(order)), 4)
        times = [(self.directory / f"place{place}").stat().st_mtime_ns for place in range(4)]
        self.assertEqual(times, sorted(times))
        self.wait_queue([])

    def test_locks_of_other_names_do_not_wait(self):
        self.hold(0, "one")
        self.wait_holding("one")
        other = self.begin(1, "true", lock="another lock, with \"blanks\" \\ and ü")
        self.assertEqual(other.wait(30), 0)

    # -- the holder's end

    def test_the_exit_status_passes_through(self):
        self.assertEqual(self.begin(0, "sh", "-c", "exit 7").wait(30), 7)
        self.assertEqual(self.begin(1, "sh", "-c", "kill -KILL $$").wait(30), 128 + signal.SIGKILL)
        self.assertEqual(self.begin(2, "no-such-command-anywhere").wait(30), 127)

    def test_the_lock_is_free_when_the_command_is_killed(self):
        holder = self.hold(0, "first")
        pid = self.wait_holding("first")
        self.hold(1, "second")
        self.wait_queue([0, 1])
        os.kill(pid, signal.SIGKILL)
        self.wait_holding("second")
        self.assertEqual(holder.wait(30), 128 + signal.SIGKILL)

    def test_killed_totem_lock_leaves_the_lock_with_its_command(self):
        holder = self.hold(0, "first")
        pid = self.wait_holding("first")
        self.hold(1, "second")
        self.wait_queue([0, 1])
        holder.kill()
        holder.wait()
        self.assertEqual(self.begin(2, "true", options=("--timeout", "0.3")).wait(30), 1)
        self.assertFalse(self.holds("second"), "the command still runs, so the lock is still taken")
        os.kill(pid, signal.SIGKILL)
        self.wait_holding("second")

    def test_signals_go_to_the_command(self):
        ready = self.directory / "ready"
        program = self.begin(0, "sh", "-c", f"trap 'exit 33' TERM; touch {ready}; "
                             f"until [ -e {self.directory}/enough ]; do sleep 0.02; done")
        wait_until(ready.exists, "the command does not run")
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(30), 33)
        self.wait_queue([])

    def test_a_signal_ends_the_waiting(self):
        self.hold(0, "first")
        self.wait_holding("first")
        waiting = self.hold(1, "second")
        self.wait_queue([0, 1])
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.wait(30), 128 + signal.SIGINT)
        self.wait_queue([0])

    def test_patience_ends(self):
        self.hold(0, "first")
        self.wait_holding("first")
        impatient = self.begin(1, "true", options=("--timeout", "0.2", "--conflict-exit-code", "42"))
        _, errors = impatient.communicate(timeout=30)
        self.assertEqual((impatient.returncode, errors), (42, f"totem-lock: lock {self.lock} was not free in time\n"))
        self.wait_queue([0])

    # -- the daemon's end

    def test_a_dead_node_lets_go(self):
        holder = self.hold(1, "first", options=("--kill-on-loss",))
        self.wait_holding("first")
        self.hold(1, "behind")
        self.wait_queue([1, 1])
        self.hold(2, "second")
        self.wait_queue([1, 1, 2])
        self.cluster[1].kill()
        self.wait_holding("second")
        self.assertFalse(self.holds("behind"))
        _, errors = holder.communicate(timeout=30)
        self.assertEqual(holder.returncode, 5, errors)
        self.assertIn("closed the connection", errors)
        self.assertIn(f"lock {self.lock} is lost", errors)
        self.assertEqual((self.queue(0), self.queue(2)), ([2], [2]))

    def test_without_quorum_a_lock_is_lost(self):
        holder = self.hold(0, "first", options=("--kill-on-loss",))
        self.wait_holding("first")
        for pnn in 1, 2:
            self.cluster[pnn].signal(signal.SIGKILL)
        for pnn in 1, 2:
            self.cluster[pnn].ended()
        _, errors = holder.communicate(timeout=60)
        self.assertEqual(holder.returncode, 5, errors)
        self.assertIn("has no quorum", errors)
        self.assertEqual(self.begin(0, "true", options=("--timeout", "0.3")).wait(30), 1, "and none is granted")

    def test_a_returned_node_knows_the_queue(self):
        self.cluster[2].kill()
        self.cluster.wait_ok([self.cluster[0], self.cluster[1]])
        self.hold(0, "first")
        self.wait_holding("first")
        self.hold(1, "second")
        self.wait_queue([0, 1])
        self.cluster[2].start()
        self.cluster.wait_ok()
        self.wait_queue([0, 1])
        self.hold(2, "third")
        self.wait_queue([0, 1, 2])


class Errors(story.Story):
    nodes = 1

    def test_no_daemon(self):
        with Cluster(nodes=1) as nobody:
            missing = nobody[0].control
            result = run([binaries / "totem-lock", "--socket", missing, "R1", "--", "true"])
            self.assertEqual((result.code, result.out), (69, ""))
            self.assertEqual(result.err, f"totem-lock: {missing}: No such file or directory: is ctdbd running?\n")
            result = run([binaries / "totemctl", "--socket", missing, "status"])
            self.assertEqual((result.code, result.err), (1, f"totemctl: {missing}: No such file or directory: is ctdbd running?\n"))

    def test_the_test_clusters_socket_is_found_without_being_told(self):
        node = self.cluster[0]
        result = run([binaries / "totem-lock", "R1", "--", "echo", "held"], env=node.environment)
        self.assertEqual((result.code, result.out, result.err), (0, "held\n", ""))
        self.assertIn("\n", run([binaries / "totemctl", "status"], env=node.environment).out)

    def test_misuse(self):
        for words in (["R1"], ["R1", "true"], ["--", "true"], ["", "--", "true"], ["n" * 256, "--", "true"],
                      ["--timeout", "-1", "R1", "--", "true"], ["--timeout", "soon", "R1", "--", "true"],
                      ["--conflict-exit-code", "256", "R1", "--", "true"], ["--nonsense", "R1", "--", "true"]):
            result = run([binaries / "totem-lock", "--socket", self.cluster[0].control, *words])
            self.assertEqual(result.code, 64, result)

    def test_what_the_daemon_refuses(self):
        """Whoever speaks to the socket without totem-lock is told what is wrong."""
        for line, answer in ((b'{"verb": "lock"}\n', "must be a string of 1 to 255 bytes"),
                             (b'{"verb": "lock", "name": 7}\n', "must be a string of 1 to 255 bytes"),
                             (b'{"verb": "unlock", "name": "R9"}\n', "did not ask for the lock"),
                             (b'{"verb": "sing"}\n', "unknown verb"), (b"status\n", "a request is a JSON object")):
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(30)
                door.connect(str(self.cluster[0].control))
                door.sendall(line)
                self.assertIn(answer, json.loads(door.makefile().readline())["error"])


if __name__ == "__main__":
    story.main()
