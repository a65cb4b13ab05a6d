"""A client of a ctdbd that says exactly what it is told to say, and shows what came back byte for byte (ctdb-wire.md 1, 2).

For comparing daemons; what the bytes mean is known here only as far as a packet's frame needs it, and libtdb is used as
clients use it (ctdb-behaviour.md 1.5.1).
"""
import ctypes
import os
import select
import socket
import struct
import time

MAGIC, VERSION = 0x43544442, 1
REQ_CALL, REPLY_CALL, REPLY_ERROR, REQ_MESSAGE, REQ_CONTROL, REPLY_CONTROL = 0, 1, 4, 5, 7, 8
CURRENT_NODE, BROADCAST_ALL, BROADCAST_ACTIVE, BROADCAST_CONNECTED = range(0xF0000001, 0xF0000005)
NULL_CALL, FETCH, FETCH_WITH_HEADER = range(0xFF000001, 0xFF000004)
IMMEDIATE_MIGRATION, WANT_READONLY = 1, 4
NOREPLY = 1
HEADER_SIZE = 24  # of a record


def name(text):
    return text.encode() + b"\0"


def u32(*numbers):
    return struct.pack(f"<{len(numbers)}I", *(number & 0xFFFFFFFF for number in numbers))


def record_data(key, value, reqid=0):
    return u32(16 + len(key) + len(value), reqid, len(key), len(value)) + key + value


def ltdb_header(rsn, dmaster, flags=0):
    return struct.pack("<QIIII", rsn, dmaster, 0, flags, 0)


def seqnum_value(rsn, dmaster, number):
    return ltdb_header(rsn, dmaster) + struct.pack("<Q", number)


def marshall(db_id, records):
    return u32(db_id, len(records)) + b"".join(record_data(key, value) for key, value in records)


class Gone(Exception):
    """The daemon closed the connection."""


class RawClient:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.buffer = b""
        self.reqid = 0
        self.messages = []  # (srvid, data), in order of arrival

    def close(self):
        self.socket.close()

    # -- packets

    def send(self, operation, body, destination=CURRENT_NODE, reqid=None):
        if reqid is None:
            self.reqid += 1
            reqid = self.reqid
        self.socket.sendall(u32(32 + len(body), MAGIC, VERSION, 0, operation, destination, 0, reqid) + body)
        return reqid

    def send_bytes(self, data):
        self.socket.sendall(data)

    def receive(self, seconds):
        """(operation, reqid, body) of the next packet; None if none came in time."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack_from("<I", self.buffer)[0]
                if len(self.buffer) >= length:
                    packet, self.buffer = self.buffer[:length], self.buffer[length:]
                    operation, _, _, reqid = struct.unpack_from("<4I", packet, 16)
                    return operation, reqid, packet[32:]
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            more = self.socket.recv(65536)
            if not more:
                raise Gone()
            self.buffer += more

    def answer(self, reqid, seconds=10):
        """The packet with this reqid; messages that come before it are kept."""
        deadline = time.monotonic() + seconds
        while True:
            packet = self.receive(deadline - time.monotonic())
            if packet is None:
                return None
            if packet[0] == REQ_MESSAGE:
                self._keep(packet[2])
            elif packet[1] == reqid:
                return packet

    def _keep(self, body):
        srvid, size = struct.unpack_from("<QI", body)
        self.messages.append((srvid, body[12:12 + size]))

    # -- requests

    def control(self, opcode, data=b"", srvid=0, flags=0, destination=CURRENT_NODE, seconds=10):
        """(status, data, error); None if nothing came."""
        reqid = self.send(REQ_CONTROL, struct.pack("<IIQIII", opcode, 0, srvid, 0, flags, len(data)) + data, destination)
        packet = None if flags & NOREPLY else self.answer(reqid, seconds)
        if packet is None:
            return None
        status, size, error_size = struct.unpack_from("<iII", packet[2])
        return status, packet[2][12:12 + size], packet[2][12 + size:12 + size + error_size]

    def call(self, db_id, key, callid, flags=0, seconds=10):
        """(status, data); None if nothing came."""
        reqid = self.send(REQ_CALL, u32(flags, db_id, callid, 0, len(key), 0) + key)
        packet = self.answer(reqid, seconds)
        if packet is None or packet[0] != REPLY_CALL:
            return None
        status, size = struct.unpack_from("<iI", packet[2])
        return status, packet[2][8:8 + size]

    def message(self, destination, srvid, data):
        self.send(REQ_MESSAGE, struct.pack("<QI", srvid, len(data)) + data, destination)

    def take_messages(self, count, seconds=5):
        """As many as have come, waiting for `count` of them."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < count:
            packet = self.receive(deadline - time.monotonic())
            if packet is None:
                break
            if packet[0] == REQ_MESSAGE:
                self._keep(packet[2])
        taken, self.messages = self.messages, []
        return taken

    def take_messages_until(self, srvid, seconds=5):
        """Those before the first one to `srvid`; "too few" if that does not come."""
        taken = []
        while not any(to == srvid for to, _ in taken):
            more = self.take_messages(1, seconds)
            if not more:
                return "too few", taken
            taken += more
        return [(to, data) for to, data in taken if to != srvid]


# -- the file that daemon and clients share

class _Data(ctypes.Structure):
    _fields_ = [("dptr", ctypes.c_void_p), ("dsize", ctypes.c_size_t)]


_tdb = ctypes.CDLL("libtdb.so.1", use_errno=True)
_tdb.tdb_open.restype = ctypes.c_void_p
_tdb.tdb_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
_tdb.tdb_fetch.restype = _Data
for _function, _arguments in {"tdb_fetch": [_Data], "tdb_chainlock": [_Data], "tdb_chainunlock": [_Data],
                              "tdb_store": [_Data, _Data, ctypes.c_int], "tdb_get_seqnum": [], "tdb_close": []}.items():
    getattr(_tdb, _function).argtypes = [ctypes.c_void_p, *_arguments]
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]


def _data(data):
    kept = ctypes.create_string_buffer(data, len(data))
    return kept, _Data(ctypes.addressof(kept), len(data))


class LocalFile:
    """A database's file as a client has it open. One handle a file and process, like libtdb wants it."""

    def __init__(self, path, flags):
        self.handle = _tdb.tdb_open(path.encode(), 0, flags, os.O_RDWR, 0o600)
        if not self.handle:
            raise OSError(ctypes.get_errno(), path)

    def close(self):
        _tdb.tdb_close(self.handle)

    def seqnum(self):
        """The file's own, which counts changes if it was opened so."""
        return _tdb.tdb_get_seqnum(self.handle)

    def fetch(self, key):
        kept, data = _data(key)
        found = _tdb.tdb_fetch(self.handle, data)
        if not found.dptr:
            return None
        value = ctypes.string_at(found.dptr, found.dsize)
        _libc.free(found.dptr)
        return value

    def change(self, key, pnn, data):
        """Under the chain lock, if the record is this node's: its header stays, the data is new. Whether it was done."""
        kept, name_of_record = _data(key)
        _tdb.tdb_chainlock(self.handle, name_of_record)
        try:
            value = self.fetch(key)
            if value is None or len(value) < HEADER_SIZE or struct.unpack_from("<I", value, 8)[0] != pnn:
                return False
            kept_value, new_value = _data(value[:HEADER_SIZE] + data)
            return _tdb.tdb_store(self.handle, name_of_record, new_value, 0) == 0
        finally:
            _tdb.tdb_chainunlock(self.handle, name_of_record)
