"""A client that goes through a database sees all of it, whatever happens to nodes meanwhile, and however slowly it reads
(ctdb-behaviour.md 3.11; pain 17)."""

import struct

import story
from client import Client
from cluster import wait_until
from raw_client import LocalFile, ltdb_header, marshall

srvid = 0xBE00000000000042


class Traverse(story.Story):
    token_loss = 500
    count, size = 3000, 4000

    def setUp(self):
        super().setUp()
        self.database = f"{self.id().split('.')[-1]}.tdb"
        for node in self.cluster:
            node.must("attach", self.database)

    def file(self, node, client, db_id):
        flags, = struct.unpack("<i", client.control(149, struct.pack("<I", db_id)).data)
        file = LocalFile(str(node.path_of(self.database)), flags)
        self.addCleanup(file.close)
        return file

    def write(self, node, keys, data):
        """As a client does: asks for each record, then changes it in the file."""
        with node.client() as client:
            db_id = client.attach(self.database)
            file = self.file(node, client, db_id)
            for key in keys:
                while True:
                    self.assertEqual(client.call(db_id, key).status, 0)
                    if file.change(key, node.pnn, data):
                        break

    def begin(self, client, db_id=None):
        db_id = db_id or client.attach(self.database)
        self.assertEqual(client.control("register_srvid", srvid=srvid).status, 0)
        self.assertEqual(client.control(131, struct.pack("<IIQQ", db_id, 7, srvid, 0)).status, 0)

    def read(self, client):
        """Key -> value of all until the end; how often each key was seen."""
        found, times = {}, {}
        while True:
            to, data = client.next_message()
            if to != srvid:
                continue
            length, reqid, key_size, value_size = struct.unpack_from("<4I", data)
            self.assertEqual((length, reqid), (len(data), 7))
            if key_size == 0 and value_size == 0:
                return found, times
            key = data[16:16 + key_size]
            found[key] = data[16 + key_size + 24:]
            times[key] = times.get(key, 0) + 1

    def test_a_node_dies_meanwhile(self):
        keys = [b"key %04d" % number for number in range(self.count)]
        value = b"v" * self.size
        self.write(self.cluster[1], keys, value)  # so there are copies of all
        self.write(self.cluster[2], keys[::3], value)
        self.write(self.cluster[0], keys[1::3], value)
        with self.cluster[0].client() as client:
            self.begin(client)
            self.cluster[2].kill()  # there is far more than is sent before somebody reads
            found, _ = self.read(client)
        self.assertEqual(set(keys) - set(found), set(), "records that survived are missing")
        self.assertEqual({len(found[key]) for key in keys}, {self.size})

    def test_nobody_is_seen_twice_when_nothing_happens(self):
        keys = [b"key %04d" % number for number in range(500)]
        for node in self.cluster:
            self.write(node, keys[node.pnn::3], b"value")
        with self.cluster[1].client() as client:
            self.begin(client)
            found, times = self.read(client)
        self.assertEqual(set(found), set(keys))
        self.assertEqual(set(times.values()), {1})

    def test_who_asks_while_nothing_is_served_waits(self):
        keys = [b"key %04d" % number for number in range(30)]
        self.write(self.cluster[0], keys, b"value")
        with self.cluster[0].client() as client:
            db_id = client.attach(self.database)
            for pnn in 1, 2:
                self.cluster[pnn].kill()
            wait_until(lambda: client.control("get_recmode").status == 1, "node 0 does not notice that it is alone")
            self.begin(client, db_id)
            for pnn in 1, 2:
                self.cluster[pnn].start()
            found, _ = self.read(client)
        self.assertEqual(set(found), set(keys))

    def test_what_a_stopped_node_owns_is_seen(self):
        keys = [b"key %04d" % number for number in range(30)]
        for node in self.cluster:
            self.write(node, keys[node.pnn::3], b"value")
        self.cluster[2].must("stop")
        with self.cluster[0].client() as client:
            self.begin(client)
            found, _ = self.read(client)
        self.cluster[2].must("continue")
        self.assertEqual(set(found), set(keys))

    def test_a_large_persistent_database_is_not_copied_for_who_does_not_read(self):
        name = f"p.{self.database}"
        self.cluster[0].must("attach", name, "persistent")
        self.database = name
        with self.cluster[0].client() as client:
            db_id = client.attach(name)
            for begin in range(0, 2000, 500):
                records = [(b"key %04d" % number, ltdb_header(1, 0) + b"v" * self.size) for number in range(begin, begin + 500)]
                self.assertEqual(client.control("trans3_commit", marshall(db_id, records), srvid=db_id).status, 0)
        with Client(self.cluster[0].socket) as client:
            self.begin(client)
            found, times = self.read(client)
        self.assertEqual(len([key for key in found if key.startswith(b"key")]), 2000)
        self.assertEqual(set(times.values()), {1})


if __name__ == "__main__":
    story.main()
