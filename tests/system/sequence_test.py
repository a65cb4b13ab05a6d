"""Sequence numbers of TDB files (ctdb-behaviour.md 1.5.6, 2.9): a client that compares the number of its local file learns
whether anything in the database was changed, on whichever node, and of nothing else."""

import struct
import time

import story
from cluster import wait_until
from raw_client import LocalFile, ltdb_header, marshall, seqnum_value

interval = 0.2  # seconds


class Sequence(story.Story):
    tunables = f"SeqnumInterval = {int(interval * 1000)}\n"

    def open(self, opcode="db_attach"):
        """The database of this case, counted in on every node: its id, and the files as clients have them."""
        name = f"{self.id().split('.')[-1]}.tdb"
        clients = [node.client() for node in self.cluster]
        for client in clients:
            self.addCleanup(client.close)
        db_id = clients[0].attach(name, opcode)
        files = []
        for node, client in zip(self.cluster, clients):
            wait_until(lambda: client.control("get_dbname", struct.pack("<I", db_id)).status == 0, "the attach does not arrive")
            self.assertEqual(client.control(26, struct.pack("<I", db_id)).status, 0)
            flags, = struct.unpack("<i", client.control(149, struct.pack("<I", db_id)).data)
            self.assertEqual(flags & 0x80, 0x80, "clients are told to count")
            kind = "persistent" if opcode == "db_attach_persistent" else "volatile"
            files.append(LocalFile(str(node.path_of(name, kind)), flags))
            self.addCleanup(files[-1].close)
        return db_id, clients, files

    def numbers(self, files):
        return [file.seqnum() for file in files]

    def changed_everywhere(self, files, before):
        wait_until(lambda: all(now != then for now, then in zip(self.numbers(files), before)),
                   lambda: f"{before} became {self.numbers(files)}")

    def quiet(self, files):
        """The numbers stay as they are for several intervals, once they have come to rest."""
        last = None
        while last != self.numbers(files):
            last = self.numbers(files)
            time.sleep(3 * interval)  # that nothing happens in a time can only be waited for
        return last

    def test_a_change_of_a_volatile_record_shows_on_every_node_and_is_not_echoed(self):
        db_id, clients, files = self.open()
        for pnn in 0, 2:
            before = self.quiet(files)
            self.assertEqual(clients[pnn].call(db_id, b"key").status, 0)
            wait_until(lambda: files[pnn].change(b"key", pnn, b"changed by %d" % pnn), "the record does not come")
            self.assertNotEqual(files[pnn].seqnum(), before[pnn], "one's own change shows at once")
            self.changed_everywhere(files, before)
        rest = self.quiet(files)
        self.assertEqual(self.numbers(files), rest)

    def test_a_commit_shows_on_every_node(self):
        db_id, clients, files = self.open("db_attach_persistent")
        for number in 1, 2:
            before = self.numbers(files)
            records = [(b"key", ltdb_header(number, 1) + b"value %d" % number),
                       (b"__db_sequence_number__\0", seqnum_value(number, 1, number))]
            reply = clients[1].control("trans3_commit", marshall(db_id, records), srvid=db_id)
            self.assertEqual(reply.status, 0)
            self.changed_everywhere(files, before)

    def test_a_number_that_nobody_asked_for_is_not_kept(self):
        with self.cluster[0].client() as client:
            db_id = client.attach("uncounted.tdb")
            flags, = struct.unpack("<i", client.control(149, struct.pack("<I", db_id)).data)
            self.assertEqual(flags & 0x80, 0)
            self.assertEqual(client.control(27, struct.pack("<I", db_id), destination=1).status, 0, "news of it are ignored")


if __name__ == "__main__":
    story.main()
