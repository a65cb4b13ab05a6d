"""The client protocol of ctdbd in its smallest honest form (ctdb-wire.md 1 and 2): framing, controls, calls and
messages over the unix socket. What is sent may be as wrong as a test likes: raw() sends bytes as they are."""

import itertools
import socket
import struct

magic, version = 0x43544442, 1
req_call, reply_call, reply_error, req_message, req_control, reply_control = 0, 1, 4, 5, 7, 8
header_size = 32

current_node, all_nodes, active_nodes, connected_nodes = 0xF0000001, 0xF0000002, 0xF0000003, 0xF0000004
noreply = 1
null_call, fetch_call, fetch_with_header_call = 0xFF000001, 0xFF000002, 0xFF000003
immediate_migration = 1

opcodes = {"process_exists": 0, "statistics": 1, "ping": 3, "getdbpath": 4, "getvnnmap": 5, "set_dmaster": 11,
           "get_recmode": 15, "set_recmode": 16, "db_attach": 18, "db_attach_persistent": 61, "register_srvid": 23, "deregister_srvid": 24,
           "get_dbname": 25, "get_pid": 30, "freeze": 33, "get_pnn": 35, "get_tunable": 49, "get_nodemap": 91,
           "stop_node": 101, "set_ban_state": 109, "register_notify": 114, "trans3_commit": 119, "get_db_seqnum": 120,
           "wipe_database": 67, "echo_data": 156}


class Closed(Exception):
    """The daemon ended the connection."""


class Reply:
    def __init__(self, status, data, error):
        self.status, self.data, self.error = status, data, error

    def __repr__(self):
        return f"status {self.status}, data {self.data!r}, error {self.error!r}"


def packet(operation, body, destination=0, reqid=0, length=None):
    size = header_size + len(body) if length is None else length
    return struct.pack("<8I", size, magic, version, 0, operation, destination, 0, reqid) + body


def control_packet(opcode, data=b"", srvid=0, destination=current_node, flags=0, reqid=0):
    body = struct.pack("<IIQIII", opcode, 0, srvid, 0, flags, len(data)) + data
    return packet(req_control, body, destination, reqid)


def call_packet(db_id, key, call_id=null_call, flags=immediate_migration, reqid=0):
    return packet(req_call, struct.pack("<6I", flags, db_id, call_id, 0, len(key), 0) + key, reqid=reqid)


def message_packet(srvid, data, destination=connected_nodes):
    return packet(req_message, struct.pack("<QI", srvid, len(data)) + data, destination)


class Client:
    def __init__(self, path, seconds=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.received = b""
        self.reqids = itertools.count(1)
        self.messages = []  # (srvid, data) that came while we waited for something else

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # -- bytes

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def next_packet(self):
        """Operation, reqid and body of the next packet."""
        while len(self.received) < header_size or len(self.received) < self._length():
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Closed() from error
            if not data:
                raise Closed()
            self.received += data
        length = self._length()
        packet, self.received = self.received[:length], self.received[length:]
        fields = struct.unpack("<8I", packet[:header_size])
        assert fields[1] == magic and fields[2] == version, f"a packet with a strange header: {packet[:header_size]!r}"
        return fields[4], fields[7], packet[header_size:]

    def _length(self):
        return struct.unpack("<I", self.received[:4])[0]

    # -- requests

    def control(self, opcode, data=b"", srvid=0, destination=current_node, flags=0):
        reqid = next(self.reqids)
        number = opcodes[opcode] if isinstance(opcode, str) else opcode
        self.raw(control_packet(number, data, srvid, destination, flags, reqid))
        if flags & noreply:
            return None
        body = self._reply((reply_control,), reqid)
        status, size, error_size = struct.unpack("<iII", body[:12])
        return Reply(status, body[12:12 + size], body[12 + size:12 + size + error_size].decode())

    def call(self, db_id, key, call_id=null_call, flags=immediate_migration):
        reqid = next(self.reqids)
        self.raw(call_packet(db_id, key, call_id, flags, reqid))
        body = self._reply((reply_call, reply_error), reqid)
        status, size = struct.unpack("<iI", body[:8])
        return Reply(status, body[8:8 + size], "")

    def send_message(self, srvid, data, destination=connected_nodes):
        self.raw(message_packet(srvid, data, destination))

    def next_message(self):
        while not self.messages:
            operation, _, body = self.next_packet()
            if operation == req_message:
                self._keep_message(body)
        return self.messages.pop(0)

    def attach(self, name, opcode="db_attach"):
        reply = self.control(opcode, name.encode() + b"\0")
        assert reply.status == 0, f"attach {name}: {reply}"
        return struct.unpack("<I", reply.data)[0]

    def _reply(self, operations, reqid):
        while True:
            got, got_reqid, body = self.next_packet()
            if got in operations and got_reqid == reqid:
                return body
            if got == req_message:
                self._keep_message(body)

    def _keep_message(self, body):
        srvid, size = struct.unpack("<QI", body[:12])
        self.messages.append((srvid, body[12:12 + size]))
