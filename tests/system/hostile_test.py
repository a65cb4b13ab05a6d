"""Bad input at both doors of a running ring: the unix socket, where any local program may speak, and the UDP ports,
where anybody on the network may. Nothing crashes, the ring keeps its token, memory stays bounded, and everybody else
is served on.

What is sent is random, and genuine packets with a few bytes changed (../ctdbd/genuine_packets.txt on the socket; the
ring's own, listened to, on the ports). Every case prints its seed; SEED=N plays it again. DURATION=N (seconds) lasts longer."""

import json
import os
import random
import socket
import struct
import time
from pathlib import Path

import client
import story
from cluster import wait_until

duration = float(os.environ.get("DURATION", 1.5))
memory_slack = 64 << 20  # bytes by which a daemon may grow under all of this
database_size = 8 << 20  # and for each database that a mutated DB_ATTACH, which is a good one, makes


def genuine_packets():
    """What real clients and daemons said: names flush left, hex indented."""
    packets = []
    for line in (Path(__file__).parent.parent / "ctdbd" / "genuine_packets.txt").read_text().splitlines():
        if line.startswith(" "):
            packets[-1] += bytes.fromhex(line)
        elif line and not line.startswith("#"):
            packets.append(b"")
    return packets


def requests(packets):
    """Those that a client may send."""
    ours = [packet for packet in packets if packet[4:8] == struct.pack("<I", client.magic)]
    chosen = [packet for packet in ours if packet[16] in (client.req_call, client.req_message, client.req_control)
              and not is_an_order(packet)]
    assert len(chosen) > 10
    return chosen


def mutated(packet, dice):
    data = bytearray(packet)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        kind = dice.randrange(6)
        place = dice.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[place] ^= 1 << dice.randrange(8)
        elif kind == 1 and data:
            data[place] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            data[place:place] = dice.randbytes(dice.randrange(1, 9))
        elif kind == 3 and len(data) > 1:
            del data[place:place + dice.randrange(1, 9)]
        elif kind == 4 and len(data) >= 4:
            at = dice.randrange(len(data) // 4) * 4
            data[at:at + 4] = struct.pack("<I", dice.choice((0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, dice.randrange(2**32))))
        elif kind == 5 and len(data) > 32:
            del data[dice.randrange(32, len(data)):]
    return bytes(data)


def framed(data):
    """With the length that it has, so that the daemon looks at what is behind it."""
    return struct.pack("<I", len(data)) + data[4:]


# A client may give these orders, and they are obeyed as they should be: log level, recovery mode, shutdown, tunables, flags, stop,
# roles, ban, disable.
orders = (8, 16, 36, 48, 52, 101, 104, 105, 109, 157)


def is_an_order(data):
    return len(data) >= 36 and data[16] == client.req_control and struct.unpack("<I", data[32:36])[0] in orders


class Hostile(story.Story):
    """What the cases have in common; none of its own."""

    nodes = 3

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("SEED", random.randrange(2**32)))
        print(f"SEED={seed} {self.id()}", flush=True)
        self.dice = random.Random(seed)
        self.victim = self.cluster[0]
        self.before = [self.state(node) for node in self.cluster]
        self.pids = [node.process.pid for node in self.cluster]
        self.memory, self.databases_before = self.memory_of(self.victim), self.databases()
        self.bystander = self.victim.client()
        self.addCleanup(self.bystander.close)
        self.asked = 0

    def state(self, node):
        result = node.totemctl("status", "--json")
        self.assertEqual(result.code, 0, result)
        return json.loads(result.out)

    def databases(self):
        return len(self.victim.ctdb("getdbmap").out.splitlines())

    @staticmethod
    def memory_of(node):
        for line in Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        raise AssertionError("no VmRSS")

    def for_a_while(self):
        end = time.monotonic() + duration
        while time.monotonic() < end:
            yield
            self.asked += 1
            if self.asked % 50 == 0:
                self.assertEqual(self.bystander.control("get_pnn").status, 0, "others are served on")

    def all_is_well(self, same_ring=True):
        self.assertEqual([node.process.pid for node in self.cluster if node.runs], self.pids, "a daemon died")
        self.cluster.wait_ok()
        self.assertIn("response from 1", self.victim.must("ping", "-n", "1"))
        self.assertEqual(self.bystander.control("get_pnn", destination=2).status, 2)
        for node, before in zip(self.cluster, self.before):
            now = self.state(node)
            if same_ring:
                self.assertEqual((now["ring"], now["rings installed"]), (before["ring"], before["rings installed"]))
        tokens = self.state(self.victim)["tokens handled"]
        wait_until(lambda: self.state(self.victim)["tokens handled"] > tokens, "the token does not go round")
        self.victim.must("attach", "hostile.tdb")
        self.victim.must("writekey", "hostile.tdb", "k", f"v{self.asked}")
        self.assertIn(f"[v{self.asked}]", self.cluster[2].must("readkey", "hostile.tdb", "k"))
        grown = self.memory_of(self.victim) - self.memory
        allowed = memory_slack + database_size * (self.databases() - self.databases_before)
        self.assertLess(grown, allowed, f"it grew by {grown >> 20} MiB")
        self.assertGreater(self.asked, 20, "that was too little to mean anything")


class UnixSocket(Hostile):
    def connection(self):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.connect(str(self.victim.socket))  # waits while others are before us
        door.settimeout(10)
        return door

    def say(self, *chunks):
        """A connection that says this and listens a little; being thrown out is an answer."""
        with self.connection() as door:
            try:
                for chunk in chunks:
                    door.sendall(chunk)
                door.shutdown(socket.SHUT_WR)
                door.settimeout(0.005)
                while door.recv(65536):
                    pass
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass

    def test_random_bytes(self):
        for _ in self.for_a_while():
            self.say(self.dice.randbytes(self.dice.choice((1, 31, 32, 33, 100, 5000))))
        self.all_is_well()

    def test_mutated_packets(self):
        packets = requests(genuine_packets())
        for _ in self.for_a_while():
            batch = [framed(mutated(self.dice.choice(packets), self.dice)) for _ in range(5)]
            self.say(*(each for each in batch if len(each) >= 4 and not is_an_order(each)))
        self.all_is_well()

    def test_genuine_packets_in_strange_pieces(self):
        packets = requests(genuine_packets())
        for _ in self.for_a_while():
            stream = b"".join(self.dice.choice(packets) for _ in range(5))
            cuts = sorted(self.dice.randrange(len(stream)) for _ in range(6))
            self.say(*(stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)]) if start < end))
        self.all_is_well()

    def test_every_opcode_with_random_payload(self):
        opcodes = [opcode for opcode in range(165) if opcode not in orders]
        for _ in self.for_a_while():
            with self.connection() as door:
                for _ in range(10):
                    data = self.dice.randbytes(self.dice.choice((0, 1, 4, 8, 12, 16, 24, 28, 32, 56, 200)))
                    door.sendall(client.control_packet(self.dice.choice(opcodes), data, self.dice.getrandbits(64),
                                                       self.dice.choice((client.current_node, 1, client.all_nodes, 77)),
                                                       self.dice.choice((0, 1)), 1))
        self.all_is_well()

    def test_a_huge_length_is_no_huge_buffer(self):
        doors = []
        self.addCleanup(lambda: [door.close() for door in doors])
        for _ in range(30):
            door = self.connection()
            doors.append(door)
            self.asked += 1
            try:
                door.sendall(struct.pack("<8I", 0xFFFFFFF0, client.magic, 1, 0, 7, 0, 0, 1) + bytes(1000))
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.all_is_well()

    def test_many_connections_that_say_nothing(self):
        doors = []
        self.addCleanup(lambda: [door.close() for door in doors])
        for _ in range(400):
            doors.append(self.connection())
            self.asked += 1
        self.all_is_well()

    def test_a_client_that_never_listens(self):
        """What it asked for is not answered without limit; others are."""
        with self.connection() as deaf:
            deaf.settimeout(0.2)
            question = client.control_packet(client.opcodes["get_nodemap"], reqid=1) * 1000
            try:
                for _ in range(2000):
                    deaf.sendall(question)
                    self.asked += 1000
            except TimeoutError:
                pass
            self.assertEqual(self.bystander.control("get_pnn").status, 0)
            self.all_is_well()

    def test_a_flood_of_messages(self):
        """To everybody, and nobody listens; then to one that listens and never reads."""
        srvid = 0xAE00000000000099
        with self.connection() as deaf, self.connection() as talker:
            deaf.sendall(client.control_packet(client.opcodes["register_srvid"], srvid=srvid, reqid=1))
            deaf.recv(100)
            talker.settimeout(2)
            message = client.message_packet(srvid, bytes(1000))
            try:
                for _ in self.for_a_while():
                    talker.sendall(message * 20)
            except TimeoutError:
                pass  # held back: that is one way to stay bounded
            self.asked = max(self.asked, 100)
            self.assertEqual(self.bystander.control("get_pnn").status, 0)
        self.cluster.wait_ok()
        wait_until(lambda: self.memory_of(self.victim) - self.memory < 4 * memory_slack, "what was queued is never freed")


class UdpPorts(Hostile):
    """Sealed: nobody without the key can say anything that is even looked at."""

    sealed = True

    def setUp(self):
        super().setUp()
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sender.close)
        # From an address that is in the nodes file.
        self.sender.bind((self.cluster[1].address, 0))
        addresses = self.cluster.addresses
        self.targets = [(node.address, port) for node in self.cluster for port in (addresses.port, addresses.token_port)]
        self.targets.append((addresses.group, addresses.port))

    def send(self, data, target=None):
        target = target or self.dice.choice(self.targets)
        if target[0] == self.cluster.addresses.group:
            self.sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.cluster[1].address))
        try:
            self.sender.sendto(data, target)
        except OSError:
            pass  # too large for the path, or the kernel's buffer is full: not the daemon's matter

    def overheard(self, count=200):
        """Genuine packets of the ring: with leave to open a raw socket all of them, else those to the group."""
        ports = {self.cluster.addresses.port, self.cluster.addresses.token_port}
        if os.geteuid() == 0:
            ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            ear.bind(("lo", 0x0800))
        else:
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ear.bind((self.cluster.addresses.group, self.cluster.addresses.port))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                           socket.inet_aton(self.cluster.addresses.group) + socket.inet_aton(self.cluster[0].address))
        packets = []
        with ear:
            ear.settimeout(10)
            while len(packets) < count:
                data = ear.recv(65536)
                if ear.family == socket.AF_PACKET:
                    header = (data[0] & 15) * 4
                    if data[9] != socket.IPPROTO_UDP or struct.unpack("!H", data[header + 2:header + 4])[0] not in ports \
                            or socket.inet_ntoa(data[12:16]) not in {node.address for node in self.cluster}:
                        continue
                    data = data[header + 8:]
                packets.append(data)
        return packets

    def test_random_bytes(self):
        for _ in self.for_a_while():
            for _ in range(20):
                self.send(self.dice.randbytes(self.dice.choice((0, 1, 10, 57, 58, 59, 100, 1000, 1472, 8900, 60000))))
        self.all_is_well(self.sealed)

    def test_mutated_packets(self):
        packets = self.overheard()
        for _ in self.for_a_while():
            for _ in range(20):
                self.send(mutated(self.dice.choice(packets), self.dice))
        self.all_is_well(self.sealed)

    def test_packets_said_again(self):
        """Replays of a living ring, to whomever, in any order."""
        packets = self.overheard()
        for _ in self.for_a_while():
            for _ in range(20):
                self.send(self.dice.choice(packets))
        self.all_is_well(self.sealed)

    def test_replays_of_a_ring_that_is_gone(self):
        packets = self.overheard()
        self.cluster[2].kill()
        self.cluster.wait_ok(self.cluster.nodes[:2])
        packets += self.overheard(50)
        self.cluster[2].start()
        self.cluster.wait_ok()
        self.before = [self.state(node) for node in self.cluster]
        self.pids = [node.process.pid for node in self.cluster]
        for _ in self.for_a_while():
            for _ in range(20):
                self.send(self.dice.choice(packets))
        self.all_is_well(self.sealed)


class OpenUdpPorts(UdpPorts):
    """Without a key whoever speaks from a node's address can harm the ring, and is told so at the start; but crash a
    daemon or make it grow he cannot, and when he stops the ring forms again."""

    sealed = False

    def test_it_was_said_at_the_start(self):
        self.asked = 100
        self.assertIn("no key file: packets are neither secret nor authentic", self.victim.log_text())


if __name__ == "__main__":
    story.main()
