"""The unmodified ctdb tool on three of our daemons: every command says what it always said (ctdb-behaviour.md 8).

The long conversation is in tool.txt. Here is what needs two clients at once, an unusual order or a client that asks
for what no tool would ask for."""

import os
import re
import struct
import subprocess
from pathlib import Path

import client
import story
from cluster import Cluster, wait_until
from conversation import hold


def numbers_of_work(question, lines):
    """Counters of work done are no contract; their names, order and layout are."""
    if "statistics" not in question:
        return lines
    lines = [re.sub(r"Count:\d+ Key:[0-9a-f]*", "Count:N Key:KEY", line) for line in lines]  # which moved most, and how often
    return [re.sub(r"\d+", "N", re.sub(r" +(?=\d+$)", " ", line)) for line in lines]


class Conversation(story.Story):
    def test_the_tool_says_what_it_always_said(self):
        pid = str(self.cluster[0].process.pid)

        def blur(question, lines):
            if question == "0$ getpid":
                self.assertEqual(lines, [f"  {pid}"])
                return ["  N"]
            return numbers_of_work(question, lines)

        difference = hold(Path(__file__).with_name("tool.txt"), self.cluster, blur)
        self.assertEqual(difference, "")
        self.assertEqual(self.cluster[1].ended(), 0, "an asked for shutdown ends well")
        self.assertEqual(self.cluster[2].ended(), 0)


class Tool(story.Story):
    tunables = "VacuumInterval = 100000\n"  # nothing is vacuumed before a case asks for it

    def setUp(self):
        super().setUp()
        self.node = self.cluster[0]

    def statistic(self, name):
        return int(re.search(rf"^ +{name} +(\d+)", self.node.must("statistics"), re.M).group(1))

    def test_process_exists_knows_clients_and_no_other_process(self):
        pid = os.getpid()
        self.assertEqual(self.node.ctdb("process-exists", str(pid)).code, 1)
        with self.node.client() as asker:
            self.assertEqual(asker.control("get_pnn").status, 0)
            self.assertEqual(self.node.must("process-exists", str(pid)), f"PID {pid} exists\n")
            srvid = 0xAE00000000000007
            missing = self.node.ctdb("process-exists", str(pid), hex(srvid))
            self.assertEqual((missing.code, missing.out), (1, f"PID {pid} with SRVID {hex(srvid)} does not exist\n"))
            self.assertEqual(asker.control("register_srvid", srvid=srvid).status, 0)
            self.assertEqual(self.node.must("process-exists", str(pid), hex(srvid)),
                             f"PID {pid} with SRVID {hex(srvid)} exists\n")
            there = self.cluster[1].ctdb("process-exists", str(pid))
            self.assertEqual(there.code, 1, "it is a client of node 0, not of node 1")
        wait_until(lambda: self.node.ctdb("process-exists", str(pid)).code == 1, "the client is never forgotten")

    def test_ping_counts_the_clients_of_the_node(self):
        with self.node.client() as first, self.node.client() as second:
            for each in first, second:
                self.assertEqual(each.control("get_pnn").status, 0)
            self.assertIn("(3 clients)", self.node.must("ping"))
            self.assertIn("(2 clients)", self.cluster[1].must("ping", "-n", "0"))

    def test_uptime_counts_from_the_start(self):
        says = self.cluster[1].must("uptime", "-n", "0")
        self.assertRegex(says, r"(?s)^Current time of node 0        : +... ... .. ..:..:.. 2...\n"
                               r"Ctdbd start time              : \(000 00:0.:..\) .*\n"
                               r"Time of last recovery/failover: \(000 00:0.:..\) .*\n"
                               r"Duration of last recovery/failover: 0\.\d{6} seconds\n$")

    def test_statistics_count_and_begin_anew(self):
        self.node.must("attach", "counted.tdb")
        before = self.statistic("total_calls")
        self.node.must("writekey", "counted.tdb", "k", "v")
        self.assertEqual(self.statistic("total_calls"), before + 1)
        self.assertGreater(self.statistic("node_packets_sent"), 0)
        self.assertGreater(self.statistic("node_packets_recv"), 0)
        self.assertEqual(self.statistic("frozen"), 0)
        sent = self.statistic("client_packets_sent")
        self.node.must("statisticsreset")
        self.assertEqual(self.statistic("total_calls"), 0)
        self.assertLess(self.statistic("client_packets_sent"), sent)

    def test_before_any_database_exists_nothing_is_frozen(self):
        with Cluster(nodes=1).start() as fresh:
            self.assertRegex(fresh[0].must("statistics"), r" frozen +0\n")

    def test_many_records_are_traversed_whole(self):
        """catdb gathers from every node, cattdb reads one node's file."""
        for node in self.cluster:
            node.must("attach", "many.tdb")
        for pnn, node in enumerate(self.cluster):
            for number in range(10):
                node.must("writekey", "many.tdb", f"k{pnn}{number}", f"v{number}")
        for node in self.cluster:
            says = node.must("catdb", "many.tdb")
            self.assertTrue(says.endswith("Dumped 30 records\n"), says)
            keys = re.findall(r'^key\(3\) = "(k\d\d)"$', says, re.M)
            self.assertEqual(sorted(keys), sorted(f"k{pnn}{number}" for pnn in range(3) for number in range(10)))
        self.assertTrue(self.node.must("cattdb", "many.tdb").endswith("Dumped 10 record(s)\n"))

    def test_a_deleted_record_vanishes_from_every_node(self):
        for node in self.cluster:
            node.must("setvar", "VacuumInterval", "1")
            node.must("attach", "deleted.tdb")
        for pnn in 0, 1, 2, 0:
            self.cluster[pnn].must("writekey", "deleted.tdb", "gone", f"v{pnn}")
        self.node.must("deletekey", "deleted.tdb", "gone")
        for node in self.cluster:
            wait_until(lambda: node.must("cattdb", "deleted.tdb") == "Dumped 0 record(s)\n",
                       lambda: f"node {node.pnn} still has {node.must('cattdb', 'deleted.tdb')}")

    def test_transactions_of_all_nodes_at_once_are_all_there(self):
        self.node.must("attach", "busy.tdb", "persistent")
        programs = [subprocess.Popen(["ctdb", "ptrans", "busy.tdb"], env=node.environment, stdin=subprocess.PIPE,
                                     stderr=subprocess.PIPE, encoding="utf-8") for node in self.cluster for _ in "123"]
        for number, program in enumerate(programs):
            program.stdin.write(f'"key{number}" "value{number}"\n')
            program.stdin.close()
            program.stdin = None
        for program in programs:
            _, errors = program.communicate(timeout=60)
            self.assertEqual((program.returncode, errors), (0, ""))
        for node in self.cluster:
            self.assertEqual(node.must("getdbseqnum", "busy.tdb"), "0x9\n")
            for number in range(9):
                self.assertEqual(node.must("pfetch", "busy.tdb", f"key{number}"), f"value{number}\n")

    def test_values_are_bytes(self):
        self.node.must("attach", "bytes.tdb", "persistent")
        self.node.must("attach", "bytes.volatile.tdb")
        long = "x" * 100_000
        self.node.must("pstore", "bytes.tdb", "long", long)
        self.assertEqual(self.cluster[2].must("pfetch", "bytes.tdb", "long"), f"{long}\n")
        self.node.must("writekey", "bytes.volatile.tdb", "long", long)
        self.assertEqual(self.cluster[2].must("readkey", "bytes.volatile.tdb", "long"), f"Data: size:100000 ptr:[{long}]\n")
        self.node.must("pstore", "bytes.tdb", "gr\u00fc\u00df", "\x01\x7f")
        says = self.cluster[1].must("catdb", "bytes.tdb")
        self.assertIn('key(6) = "gr\\C3\\BC\\C3\\9F"', says)
        self.assertIn('data(2) = "\\01\\7F"', says)

    def test_where_no_daemon_is_the_tool_says_so(self):
        with Cluster(nodes=1) as nobody:
            result = nobody[0].ctdb("status")
            self.assertEqual(result.code, 1)
            self.assertIn(f"Failed to connect to CTDB daemon ({nobody[0].socket})", result.err)


class Controls(story.Story):
    """What is not there answers, at once, with an error; nobody hangs."""

    def setUp(self):
        super().setUp()
        self.client = self.cluster[0].client()
        self.addCleanup(self.client.close)

    def test_unknown_opcodes(self):
        for opcode in 2, 12, 41, 95, 159, 160, 161, 8000, 0xFFFFFFFF:
            reply = self.client.control(opcode)
            self.assertEqual((reply.status, reply.data), (-1, b""), opcode)

    def test_opcodes_that_the_stock_daemon_has_given_up(self):
        for opcode in 10, 11, 13, 14, 19, 31, 32, 34, 37, 42, 43, 51, 54, 57, 62, 65, 66, 75, 79, 83, 96, 100, 111, 117:
            reply = self.client.control(opcode)
            self.assertEqual((reply.status, reply.data), (-1, b""), opcode)

    def test_an_opcode_not_built_yet_names_itself(self):
        reply = self.client.control("freeze")
        self.assertEqual(reply.status, -1)
        self.assertEqual(reply.error, "FREEZE is not implemented")

    def test_a_payload_of_the_wrong_size(self):
        for opcode, data in (("getdbpath", b""), ("statistics", b"x"), ("process_exists", bytes(3)),
                             ("get_db_seqnum", bytes(7)), ("register_notify", bytes(3)), ("get_tunable", b"\xff\xff\xff\xff"),
                             ("trans3_commit", bytes(5)), ("db_attach", b""), ("db_attach", b"no end"),
                             ("echo_data", b"\xff" * 8)):
            reply = self.client.control(opcode, data)
            self.assertEqual((reply.status, reply.data), (-1, b""), (opcode, data))

    def test_a_database_that_nobody_attached(self):
        for opcode in "getdbpath", "get_dbname":
            self.assertEqual(self.client.control(opcode, struct.pack("<I", 0x1234)).status, -1)
        reply = self.client.call(0x1234, b"key")
        self.assertNotEqual(reply.status, 0, "the stock daemon lets the client hang here")

    def test_a_destination_that_is_not_there(self):
        for destination in 3, 99, 0xF0000005, 0xFFFFFFFF:
            reply = self.client.control("get_pnn", destination=destination)
            self.assertEqual((reply.status, reply.error), (-1, "ctdb_control to disconnected node"))

    def test_a_control_to_many_can_have_no_reply(self):
        for destination in client.all_nodes, client.active_nodes, client.connected_nodes:
            self.assertEqual(self.client.control("get_pnn", destination=destination).status, -1)

    def test_a_name_of_a_database_is_no_path(self):
        for name in "../escape.tdb", "/tmp/escape.tdb", "a/b", "", ".", "..":
            reply = self.client.control("db_attach", name.encode() + b"\0")
            self.assertEqual(reply.status, -1, name)

    def test_messages_reach_all_who_listen_everywhere(self):
        srvid = 0xAE00000000000001
        listeners = [node.client() for node in self.cluster]
        for each in listeners:
            self.addCleanup(each.close)
            self.assertEqual(each.control("register_srvid", srvid=srvid).status, 0)
        for number in range(50):
            self.client.send_message(srvid, b"message %d" % number)
        for each in listeners:
            heard = [each.next_message() for _ in range(50)]
            self.assertEqual(heard, [(srvid, b"message %d" % number) for number in range(50)])
        with self.cluster[1].client() as mourner:
            notify = struct.pack("<QI", srvid, 8) + b"farewell"
            self.assertEqual(mourner.control("register_notify", notify).status, 0)
        for each in listeners:
            self.assertEqual(each.next_message(), (srvid, b"farewell"))


if __name__ == "__main__":
    story.main()
