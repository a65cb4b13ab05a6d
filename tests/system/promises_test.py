"""Promises of ctdb-behaviour.md 10.2 and 10.4 that no other test is about: what a client may rely on when others die, sit
on their locks, or are told of a commit before they look. docs/pains.md lists all of them with their tests."""

import os
import signal
import struct
import subprocess
import sys
import time

import story
from client import connected_nodes
from cluster import wait_until
from raw_client import LocalFile, ltdb_header, marshall, seqnum_value

HOLDER = """
import sys
sys.path.insert(0, {directory!r})
import raw_client
file = raw_client.LocalFile({path!r}, {flags})
kept, key = raw_client._data({key!r})
raw_client._tdb.tdb_chainlock(file.handle, key)
print("locked", flush=True)
sys.stdin.read()
"""

MOURNED = """
import sys
sys.path.insert(0, {directory!r})
import struct, client
mourned = client.Client({socket!r})
assert mourned.control("register_notify", struct.pack("<QI", {srvid}, 4) + b"gone").status == 0
print("registered", flush=True)
sys.stdin.read()
"""


class Promises(story.Story):
    token_loss = 500

    def setUp(self):
        super().setUp()
        self.database = f"{self.id().split('.')[-1]}.tdb"
        for node in self.cluster:
            node.must("attach", self.database)

    def helper(self, text, **values):
        """A Python program that has said its line; it ends with its standard input."""
        directory = os.path.dirname(os.path.abspath(__file__))
        program = subprocess.Popen([sys.executable, "-c", text.format(directory=directory, **values)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def end():
            program.kill()
            program.wait()
            program.stdin.close()
            program.stdout.close()
        self.addCleanup(end)
        self.assertNotEqual(program.stdout.readline(), "")
        return program

    def flags(self, node, database):
        with node.client() as client:
            db_id = client.attach(database, "db_attach")
            return db_id, struct.unpack("<i", client.control(149, struct.pack("<I", db_id)).data)[0]

    # -- 10.2

    def test_every_node_is_told_what_a_killed_client_wished(self):
        srvid = 0xAE00000000000077
        listeners = [node.client() for node in self.cluster]
        for listener in listeners:
            self.addCleanup(listener.close)
            self.assertEqual(listener.control("register_srvid", srvid=srvid).status, 0)
        mourned = self.helper(MOURNED, socket=str(self.cluster[1].socket), srvid=srvid)
        mourned.send_signal(signal.SIGKILL)
        for listener in listeners:
            self.assertEqual(listener.next_message(), (srvid, b"gone"))

    def test_an_answered_null_call_means_that_the_record_is_in_the_file(self):
        node = self.cluster[1]
        db_id, flags = self.flags(node, self.database)
        file = LocalFile(str(node.path_of(self.database)), flags)
        self.addCleanup(file.close)
        with node.client() as client:
            for number in range(200):
                key = b"nobody wrote %d" % number
                self.assertEqual(client.call(db_id, key).status, 0)
                self.assertEqual(struct.unpack_from("<I", file.fetch(key), 8)[0], node.pnn)

    # -- 10.4

    def test_a_client_that_sits_on_a_lock_delays_nothing_but_its_record(self):
        node, other, victim = self.cluster
        node.must("writekey", self.database, "held", "before")
        db_id, flags = self.flags(node, self.database)
        holder = self.helper(HOLDER, path=str(node.path_of(self.database)), flags=flags, key=b"held")
        holder.send_signal(signal.SIGSTOP)
        waiting = subprocess.Popen(["ctdb", "readkey", self.database, "held"], env=other.environment,
                                   stdout=subprocess.PIPE, text=True)
        for number in range(20):  # here, elsewhere, in both directions
            node.must("writekey", self.database, f"k{number}", "1")
            other.must("writekey", self.database, f"k{number}", "2")
        with node.client() as client:
            self.assertEqual(client.control("process_exists", struct.pack("<i", 1)).status, -1)
        victim.kill()  # who forms a new component waits for no chain
        self.cluster.wait_ok([node, other])
        other.must("writekey", self.database, "afterwards", "3")
        self.assertIn("[3]", node.must("readkey", self.database, "afterwards"))
        self.assertIsNone(waiting.poll(), "the record is held")
        holder.send_signal(signal.SIGCONT)
        holder.kill()
        self.assertIn("[before]", waiting.communicate(timeout=60)[0])
        self.assertEqual(waiting.returncode, 0)

    def test_a_message_says_where_it_was_delivered_not_where_it_came_from(self):
        srvid = 0xAE00000000000078
        with self.cluster[2].client() as receiver, self.cluster[0].client() as sender:
            receiver.control("register_srvid", srvid=srvid)
            sender.send_message(srvid, b"hello", destination=2)
            while len(receiver.received) < 32:
                receiver.received += receiver.socket.recv(65536)
            operation, destination, source, reqid = struct.unpack_from("<4I", receiver.received, 16)
            self.assertEqual((operation, destination, source, reqid), (5, 0, 2, 0))

    def test_who_is_told_of_a_commit_sees_it_in_his_file(self):
        name, srvid = f"p.{self.database}", 0xAE00000000000079
        self.cluster[0].must("attach", name, "persistent")
        reader = self.cluster[2]
        wait_until(lambda: name in reader.must("getdbmap"), "the attach does not reach node 2")
        with self.cluster[0].client() as writer, reader.client() as told:
            db_id = writer.attach(name)
            told.control("register_srvid", srvid=srvid)
            flags, = struct.unpack("<i", told.control(149, struct.pack("<I", db_id)).data)
            file = LocalFile(str(reader.path_of(name, "persistent")), flags)
            self.addCleanup(file.close)
            for number in range(1, 51):
                records = [(b"key", ltdb_header(number, 0) + b"value %d" % number),
                           (b"__db_sequence_number__\0", seqnum_value(number, 0, number))]
                self.assertEqual(writer.control("trans3_commit", marshall(db_id, records), srvid=db_id).status, 0)
                writer.send_message(srvid, b"%d" % number, destination=2)
                self.assertEqual(told.next_message(), (srvid, b"%d" % number))
                self.assertEqual(file.fetch(b"key")[24:], b"value %d" % number)

    def test_a_refused_commit_is_not_answered_at_once(self):
        """Its client would ask again without a pause."""
        name = f"p.{self.database}"
        self.cluster[0].must("attach", name, "persistent")
        with self.cluster[0].client() as writer:
            db_id = writer.attach(name)
            records = [(b"__db_sequence_number__\0", seqnum_value(7, 0, 7))]  # it is not at 6
            begin = time.monotonic()
            self.assertEqual(writer.control("trans3_commit", marshall(db_id, records), srvid=db_id).status, -1)
            self.assertGreater(time.monotonic() - begin, 0.05)

    def test_messages_of_one_client_arrive_in_its_order_at_itself_too(self):
        srvid = 0xAE0000000000007A
        with self.cluster[0].client() as client:
            client.control("register_srvid", srvid=srvid)
            for number in range(100):
                client.send_message(srvid, b"%d" % number, destination=connected_nodes)
            self.assertEqual([client.next_message()[1] for _ in range(100)], [b"%d" % number for number in range(100)])


if __name__ == "__main__":
    story.main()
