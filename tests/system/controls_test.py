"""Every control that has a number, one row each (ctdb-behaviour.md 10.3, ctdb-wire.md 3.2): what it answers to a client of
this node and to one of another node, and that it answers at all, once.

A row that is missing fails the test, so that none is forgotten."""

import os
import struct
import time

import story
from client import noreply
from cluster import wait_until


def u32(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def name(text):
    return text.encode() + b"\0"


def sized(size):
    return lambda reply: len(reply.data) == size


def text(expected):
    return lambda reply: reply.data == name(expected)


def empty(reply):
    return reply.data == b""


mine = 0xAE00000000000042

# Without a function in the daemon of which this is the successor, and here (ctdb-wire.md 3.2).
dead = {2, 10, 11, 12, 13, 14, 19, 28, 31, 32, 34, 37, 38, 39, 40, 41, 42, 43, 51, 54, 57, 58, 59, 60, 62, 65, 66, 68, 73, 75, 76, 79, 83, 84, 85,
        86, 92, 93, 94, 95, 96, 100, 103, 106, 107, 108, 111, 112, 113, 116, 117, 118, 130, 136, 159, 160, 161}
# Only stock daemons say these to each other, or to their own helpers and children; ours have letters and an order.
between_daemons = {6, 21, 22, 33, 52, 70, 71, 74, 87, 97, 98, 135, 154}
# What nodes do (flags, bans, the nodes file) and public addresses: they are told apart in tests of their own.
of_nodes = {36, 45, 46, 47, 55, 56, 64, 72, 77, 78, 88, 89, 101, 102, 109, 110, 123, 125, 126, 134, 137}


class Controls(story.Story):
    def setUp(self):
        super().setUp()
        for kind, database in (((), "walk_v.tdb"), (("persistent",), "walk_p.tdb"), (("replicated",), "walk_r.tdb")):
            self.cluster[0].must("attach", database, *kind)
        with self.cluster[0].client() as client:
            self.ids = {database: client.attach(database) for database in ("walk_v.tdb", "walk_p.tdb", "walk_r.tdb")}
        for node in self.cluster:
            wait_until(lambda: all(database in node.must("getdbmap") for database in self.ids), "an attach does not reach all nodes")

    def rows(self, node):
        """opcode -> [(payload, expected status, what the data must be)], asked from node 0 of `node`, in this order."""
        v, p = u32(self.ids["walk_v.tdb"]), u32(self.ids["walk_p.tdb"])
        no = u32(0xDEAD)
        path = str(node.path_of("walk_v.tdb"))
        tunable = u32(16) + b"MonitorInterval\0"
        key = v + u32(0) + struct.pack("<QIIII", 1, 0, 0, 0, 0) + u32(3) + b"key"
        rw = [(v, 0, empty), (v, 0, empty), (p, -1, empty), (no, -1, empty)]  # again: the same; not for persistent ones
        in_section = v + u32(7)
        return {
            0: [(struct.pack("<i", 1), -1, empty)],
            1: [(b"", 0, sized(488))],
            3: [(b"", range(100), empty)],
            4: [(v, 0, text(path)), (no, -1, empty)],
            5: [(b"", 0, lambda r: r.data[4:] == u32(3, 0, 1, 2))],
            7: [(b"", 0, sized(4))],
            8: [(struct.pack("<i", 2), 0, empty)],
            9: [(b"", 0, lambda r: len(r.data) == 4 + 8 * struct.unpack("<I", r.data[:4])[0] and v in r.data)],
            15: [(b"", 0, empty)],
            16: [(u32(0), 0, empty), (u32(7), -1, empty)],
            17: [(b"", 0, empty)],
            18: [(name("walk_v.tdb"), 0, lambda r: r.data == v), (name("walk_p.tdb"), 0, lambda r: r.data == p)],
            25: [(v, 0, text("walk_v.tdb")), (no, -1, empty)],
            26: [(v, 0, empty), (no, -1, empty)],
            27: [(v, 0, empty), (no, -1, empty)],
            29: [(b"", 0, lambda r: r.data and b"\0" not in r.data)],
            30: [(b"", node.process.pid, empty)],
            35: [(b"", node.pnn, empty)],
            48: [(u32(15) + tunable, 0, empty), (u32(1, 4) + b"non\0", -1, empty)],
            49: [(tunable, 0, lambda r: r.data == u32(15)), (u32(4) + b"non\0", -22, empty)],
            50: [(b"", 0, lambda r: b":MonitorInterval:" in r.data)],
            53: [(b"", 0, sized(248))],
            61: [(name("walk_p.tdb"), 0, lambda r: r.data == p), (name("walk_v.tdb"), -1, empty)],
            63: [(p + u32(1) + self.record(b"updated", 1), 0, empty), (v + u32(1) + self.record(b"updated", 1), -1, empty),
                 (no + u32(0), -1, empty)],
            69: [(b"", 0, sized(64))],
            80: [(b"", 0, lambda r: r.data == u32(0x30003))],
            90: [(b"", 0, lambda r: r.data == u32(0))],
            91: [(b"", 0, sized(4 + 36 * 3))],
            99: [(b"", 0, lambda r: True)],
            104: [(u32(1), 0, empty)],
            105: [(u32(1), 0, empty)],
            120: [(p + u32(0), 0, sized(8)), (no + u32(0), -1, empty), (p, -1, empty)],
            121: [(p, 0, empty), (no, -1, empty)],
            122: [(p, 0, empty), (no, -1, empty)],
            124: [(b"", 0, lambda r: r.data == u32(0))],
            127: [(b"", 0, sized(8 + 100 * 488))],
            128: [(key, 0, empty), (key[:-1], -1, empty), (no + key[4:], -1, empty)],
            129: rw,
            132: [(v, 0, lambda r: len(r.data) >= 464), (no, -1, empty)],
            133: rw,
            138: [(b"", 0, lambda r: r.data == u32(5))],
            139: [(v, -1, empty), (p, -1, empty), (no, -1, empty)],  # AllowClientDBAttach is 1
            140: [(b"", 0, sized(4 + 36 * 3))],
            # A section on one node, from its begin to its end; not frozen, or in no transaction: refused.
            143: [(in_section, -1, empty)],
            144: [(in_section, -1, empty)],
            145: [(v, 0, empty), (no, -1, empty)],
            146: [(v + u32(0xFFFFFFFF) + struct.pack("<Q", mine), -1, empty)],
            147: [(v + u32(0xFFFFFFFF) + struct.pack("<Q", mine), -1, empty)],
            148: [(v, -1, empty)],
            67: [(in_section, -1, empty)],
            141: [(v, 0, empty), (v, 0, empty), (no, -1, empty)],
            142: [(v, 0, empty), (v, 0, empty), (no, -1, empty)],
            149: [(v, 0, lambda r: r.data[:1] in (b"\x41", b"\xc1")), (p, 0, lambda r: r.data == u32(0x400)), (no, -1, empty)],
            150: [(name("walk_r.tdb"), 0, lambda r: r.data == u32(self.ids["walk_r.tdb"])), (name("walk_v.tdb"), -1, empty)],
            151: [(struct.pack("<iQ", 1, mine), -1, empty)],
            155: [(v + b"\0", 0, empty), (v + b"\1", 0, empty), (p + b"\0", -1, empty), (no + b"\0", -1, empty)],
            156: [(u32(0, 5) + b"hello", 0, lambda r: r.data == u32(0, 5) + b"hello")],
            157: [],  # of the node, but the tool asks all of them; see tool.txt
            158: [(b"", 0, empty)],
        }

    @staticmethod
    def record(key, rsn, data=b"value"):
        value = struct.pack("<QIIII", rsn, 0, 0, 0, 0) + data
        return u32(16 + len(key) + len(value), 0, len(key), len(value)) + key + value

    def client_rows(self):
        """Those that are about the asking client: (opcode, payload, srvid, status)."""
        notify = struct.pack("<QI", mine, 3) + b"bye"
        v = u32(self.ids["walk_v.tdb"])
        start = struct.pack("<IIQ", self.ids["walk_v.tdb"], 9, mine)
        return [(23, b"", mine, 0), (24, b"", mine, 0), (24, b"", mine, 2),
                (114, notify, 0, 0), (114, notify, 0, -1), (115, struct.pack("<Q", mine), 0, 0), (115, struct.pack("<Q", mine), 0, -1),
                (152, b"", mine, 0), (152, b"", mine, -1), (153, b"", mine, 0), (153, b"", mine, -1),
                (20, start, 0, 0), (131, start + bytes(8), 0, 0), (20, u32(0xDEAD) + start[4:], 0, -1),
                (44, (b"\x02\0" + bytes(26)) * 2, 0, 0),
                (81, b"", 0, 0), (82, b"", 0, 0),
                (119, v + u32(0), 0, -1), (119, u32(0xDEAD, 0), 0, -1)]

    def test_no_opcode_is_forgotten(self):
        known = set(self.rows(self.cluster[0])) | {row[0] for row in self.client_rows()} | dead | between_daemons | of_nodes
        self.assertEqual(set(range(162)) - known, set())

    def test_here_and_elsewhere(self):
        with self.cluster[0].client() as client:
            for node in self.cluster:
                for opcode, cases in self.rows(node).items():
                    for payload, status, right in cases:
                        with self.subTest(opcode=opcode, node=node.pnn, payload=payload):
                            reply = client.control(opcode, payload, destination=node.pnn)
                            self.assertTrue(reply.status in status if isinstance(status, range) else reply.status == status, reply)
                            self.assertTrue(right(reply), reply)

    def test_about_the_client(self):
        with self.cluster[0].client() as client:
            for opcode, payload, srvid, status in self.client_rows():
                with self.subTest(opcode=opcode, payload=payload):
                    self.assertEqual(client.control(opcode, payload, srvid=srvid).status, status)
            for opcode, payload, srvid, _ in self.client_rows():
                with self.subTest("from another node", opcode=opcode):
                    self.assertEqual(client.control(opcode, payload, srvid=srvid, destination=1).status, -1)

    def test_what_is_not_served_says_so(self):
        with self.cluster[0].client() as client:
            for opcode in sorted(dead | between_daemons):
                with self.subTest(opcode=opcode):
                    self.assertEqual(client.control(opcode, b"").status, -1)
                    self.assertEqual(client.control(opcode, b"", destination=1).status, -1)

    def test_a_payload_of_a_wrong_size_is_refused(self):
        with self.cluster[0].client() as client:
            for opcode, cases in self.rows(self.cluster[0]).items():
                if opcode in (9, 15, 30, 35, 50, 69, 80, 90, 124, 140):
                    continue  # what they are given is not looked at, or may be anything
                with self.subTest(opcode=opcode):
                    self.assertEqual(client.control(opcode, b"abc").status, -1)

    def test_exactly_one_reply_each_and_none_if_none_is_wanted(self):
        with self.cluster[0].client() as client:
            for opcode, cases in self.rows(self.cluster[0]).items():
                for payload, _, _ in cases[:1]:
                    client.control(opcode, payload, flags=noreply)
            client.control(142, u32(self.ids["walk_v.tdb"]))
            # All replies that are to come have come before this one's.
            reply = client.control("get_pnn", destination=1)
            self.assertEqual(reply.status, 1)
            client.raw(b"")
            self.assertEqual(client.received, b"")

    # -- what some of them do

    def test_recover_makes_a_new_generation_on_every_node(self):
        def generation(client, node):
            return struct.unpack_from("<I", client.control("getvnnmap", destination=node).data)[0]

        with self.cluster[0].client() as client:
            before = generation(client, 0)
            self.assertEqual(client.control("set_recmode", u32(1), destination=2).status, 0)
            wait_until(lambda: generation(client, 2) not in (1, before), "node 2 has no new generation")
            new = generation(client, 2)
            for node in 0, 1:
                wait_until(lambda: generation(client, node) == new, "the generations differ")
            self.assertEqual(client.control("get_recmode").status, 0)
        self.assertEqual(self.cluster[1].must("recover"), "")

    def test_history_of_statistics_is_one_entry_a_stretch(self):
        with self.cluster[0].client() as client:
            def entries():
                data = client.control(127).data
                all_of_them = [data[8 + 488 * i:8 + 488 * (i + 1)] for i in range(100)]
                return [entry for entry in all_of_them if entry != bytes(488)]

            wait_until(lambda: len(entries()) >= 2, "no stretch is kept")
            newest, before = entries()[:2]
            started, = struct.unpack_from("<q", newest, 448)
            ended_before, = struct.unpack_from("<q", before, 464)
            self.assertLessEqual(abs(started - ended_before), 1, "a stretch begins where the last one ended")
            def asked_controls(entry):
                return struct.unpack_from("<I", entry, 80)[0]

            wait_until(lambda: asked_controls(entries()[0]) > 0, "what was asked for is not counted")
            before = asked_controls(client.control("statistics").data)
            self.assertGreater(asked_controls(client.control("statistics").data), before, "the sum goes on")
        self.assertIn("CTDB version", self.cluster[0].must("stats", "1"))

    def test_tunnels(self):
        tunnel, test = 0xFFFFFFFF00000000, self

        def send(client, data, destination, flags=1):
            body = struct.pack("<QII", tunnel, flags, len(data)) + data
            client.raw(struct.pack("<8I", 32 + len(body), 0x43544442, 1, 0, 10, destination, 0, 5) + body)

        def receive(client):
            while True:
                operation, reqid, body = client.next_packet()
                if operation == 10:
                    test.assertEqual(reqid, 0)
                    number, flags, size = struct.unpack_from("<QII", body)
                    test.assertEqual(number, tunnel)
                    return flags, body[16:16 + size]

        with self.cluster[0].client() as zero, self.cluster[1].client() as one, self.cluster[1].client() as other:
            send(zero, b"without an end here", 1)
            for client in zero, one:
                self.assertEqual(client.control(152, srvid=tunnel).status, 0)
            self.assertEqual(other.control(152, srvid=tunnel).status, -1, "one end on each node")
            send(zero, b"to node 1", 1)
            self.assertEqual(receive(one), (1, b"to node 1"))
            send(one, b"back", 0, flags=2)
            self.assertEqual(receive(zero), (2, b"back"))
            send(one, b"to all", 0xF0000004, flags=0x10)
            for client in zero, one:
                self.assertEqual(receive(client), (0x10, b"to all"))
        with self.cluster[1].client() as next_one:
            wait_until(lambda: next_one.control(152, srvid=tunnel).status == 0, "the tunnel outlives its client")

    def test_pull_shows_a_frozen_database_whole(self):
        node, v = self.cluster[0], self.ids["walk_v.tdb"]
        for key in "a", "b", "c":
            node.must("writekey", "walk_v.tdb", key, f"value {key}")
        with node.client() as client:
            client.control("register_srvid", srvid=mine)
            self.assertEqual(client.control(141, u32(v)).status, 0)
            reply = client.control(146, u32(v, 0xFFFFFFFF) + struct.pack("<Q", mine))
            self.assertEqual(reply.status, 0)
            pulled = 0
            for srvid, data in client.messages:  # they have come before the reply
                self.assertEqual(srvid, mine)
                self.assertEqual(struct.unpack_from("<I", data)[0], v)
                pulled += struct.unpack_from("<I", data, 4)[0]
            self.assertEqual(u32(pulled), reply.data)
            self.assertGreaterEqual(pulled, 3)
            self.assertTrue(any(b"value b" in data for _, data in client.messages))

    def test_vacuuming_on_demand_takes_away_what_is_empty(self):
        node, v = self.cluster[1], u32(self.ids["walk_v.tdb"])
        self.cluster[0].must("readkey", "walk_v.tdb", "nobody wrote this")
        node.must("readkey", "walk_v.tdb", "nor this")
        self.assertIn("nor this", node.must("cattdb", "walk_v.tdb"))
        with node.client() as client:
            self.assertEqual(client.control(155, v + b"\1").status, 0)
        self.assertNotIn("nor this", node.must("cattdb", "walk_v.tdb"))


if __name__ == "__main__":
    story.main()
