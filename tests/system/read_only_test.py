"""Read-only delegations over real daemons and their files (ctdb-behaviour.md 1.5, 3.7; docs/adr/0017): a record that is
read stays readable without asking, and nobody reads it any more when somebody writes."""

import struct

import story
from client import fetch_call, fetch_with_header_call, null_call
from cluster import wait_until
from raw_client import LocalFile

want_readonly = 4
have_delegations, have_readonly, any_readonly_flag = 0x01000000, 0x02000000, 0x0F000000
key = b"who is open"


class ReadOnly(story.Story):
    token_loss = 500

    def setUp(self):
        super().setUp()
        self.database = f"{self.id().split('.')[-1]}.tdb"
        self.clients, self.files = {}, {}
        for node in self.cluster:
            self.enter(node)

    def tearDown(self):
        for pnn in list(self.files):
            self.leave(pnn)

    def enter(self, node, readonly=True):
        """A client of this node, with the file open, as smbd has it."""
        client = self.clients[node.pnn] = node.client()
        self.db_id = client.attach(self.database)
        if readonly:
            node.must("setdbreadonly", self.database)
        flags, = struct.unpack("<i", client.control(149, struct.pack("<I", self.db_id)).data)
        self.files[node.pnn] = LocalFile(str(node.path_of(self.database)), flags)

    def leave(self, pnn):
        self.files.pop(pnn).close()
        self.clients.pop(pnn).close()

    def header(self, pnn):
        """rsn, dmaster, flags and data in the file of this node; None if there is no such record."""
        value = self.files[pnn].fetch(key)
        if value is None:
            return None
        rsn, dmaster, _, flags = struct.unpack_from("<QIII", value)
        return rsn, dmaster, flags, value[24:]

    def readonly_flags(self, pnn):
        header = self.header(pnn)
        return header[2] & any_readonly_flag if header else 0

    def write(self, pnn, data):
        """As clients do: in the file, if its header allows it; else they ask, and look again (1.5.1)."""
        while True:
            header = self.header(pnn)
            if header and header[1] == pnn and not header[2] & have_delegations:
                if self.files[pnn].change(key, pnn, data):
                    return
            self.assertEqual(self.clients[pnn].call(self.db_id, key).status, 0)

    def read(self, pnn, flags=want_readonly):
        """As clients do (1.5.4)."""
        header = self.header(pnn)
        if header and (header[1] == pnn or header[2] & have_readonly):
            return header[3]
        reply = self.clients[pnn].call(self.db_id, key, fetch_call, flags)
        self.assertEqual(reply.status, 0)
        return reply.data

    def keep(self, pnn, data, flags=want_readonly):
        """Reads until a copy stays: not while the last writer still has his turn."""
        def kept():
            self.assertEqual(self.read(pnn, flags), data)
            return self.readonly_flags(pnn) == have_readonly

        wait_until(kept, f"node {pnn} is given no copy")

    def counts(self, pnn):
        """Delegations and revokes, as GET_DB_STATISTICS counts them (ctdb-wire.md 3.1.5)."""
        data = self.clients[pnn].control(132, struct.pack("<I", self.db_id)).data
        return struct.unpack_from("<II", data, 144)

    # -- what is promised

    def test_a_record_that_was_read_once_is_read_in_the_file(self):
        self.write(0, b"one")
        before = self.counts(0)
        self.keep(1, b"one")
        rsn, dmaster, flags, data = self.header(1)
        self.assertEqual((dmaster, flags & any_readonly_flag, data), (0, have_readonly, b"one"))
        self.assertEqual(self.readonly_flags(0), have_delegations)
        self.assertEqual(self.header(0)[0], rsn)
        self.assertEqual([after - had for after, had in zip(self.counts(0), before)], [1, 0])

    def test_a_first_read_that_says_nothing_keeps_a_copy_too(self):
        self.write(0, b"one")
        self.keep(2, b"one", flags=0)

    def test_the_header_that_a_reader_is_told_is_that_of_its_copy(self):
        self.write(0, b"one")
        self.keep(1, b"one")
        for call_id in fetch_with_header_call, null_call:
            reply = self.clients[1].call(self.db_id, key, call_id, want_readonly)
            rsn, dmaster, _, flags = struct.unpack_from("<QIII", reply.data)
            self.assertEqual((rsn, dmaster, flags, reply.data[24:]), self.header(1))

    def test_a_write_takes_the_copies_away_first(self):
        for writer in 0, 2, 1:
            with self.subTest(writer=writer):
                self.write(0, b"one")
                for reader in 1, 2:
                    self.keep(reader, b"one")
                self.write(writer, b"two")
                self.assertEqual([self.readonly_flags(pnn) for pnn in range(3)], [0, 0, 0])
                self.assertEqual([self.read(pnn) for pnn in range(3)], [b"two"] * 3)

    def test_readers_and_writers_at_once_see_what_was_written_last(self):
        for number in range(100):
            data = b"%d" % number
            self.write(number % 3, data)
            self.assertEqual([self.read(pnn) for pnn in (2, 0, 1)], [data] * 3)

    def test_the_tool_reads_a_copy(self):
        name = "tool key"
        self.cluster[0].must("writekey", self.database, name, "value")
        for pnn in 1, 1, 0:
            self.assertIn("value", self.cluster[pnn].must("readkey", self.database, name, "readonly"))
        self.cluster[2].must("writekey", self.database, name, "other")
        self.assertIn("other", self.cluster[1].must("readkey", self.database, name, "readonly"))
        self.assertIn("size:0", self.cluster[1].must("readkey", self.database, "nobody wrote this", "readonly"))

    def test_where_the_owner_does_not_delegate_a_read_is_answered_and_nothing_is_kept(self):
        for pnn in list(self.files):
            self.leave(pnn)
        self.database = f"plain.{self.database}"
        for node in self.cluster:
            self.enter(node, readonly=node.pnn == 1)
        self.write(0, b"one")
        self.assertEqual(self.read(1), b"one")
        self.assertIsNone(self.header(1))
        self.assertEqual(self.readonly_flags(0), 0)

    # -- when nodes die

    def test_a_dead_reader_holds_up_a_writer_no_longer_than_its_notice(self):
        self.write(0, b"one")
        self.keep(2, b"one")
        self.cluster[2].kill()
        self.write(1, b"two")
        self.assertEqual([self.read(pnn) for pnn in (0, 1)], [b"two"] * 2)
        self.leave(2)  # as smbd does when its daemon is gone
        self.cluster[2].start()
        self.cluster.wait_ok()
        self.enter(self.cluster[2])
        self.assertEqual(self.read(2), b"two")

    def test_when_the_owner_dies_a_copy_is_the_record(self):
        self.write(0, b"one")
        self.keep(1, b"one")
        self.cluster[0].kill()
        wait_until(lambda: self.readonly_flags(1) == 0, "the copy is still read though its owner is dead")
        self.assertEqual(self.read(2), b"one")
        self.write(2, b"two")
        self.assertEqual(self.read(1), b"two")


if __name__ == "__main__":
    story.main()
