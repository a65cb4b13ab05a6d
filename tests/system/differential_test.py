#!/usr/bin/env python3
"""The packaged ctdbd and ours, side by side on loopback with the same files, are told the same; outputs, exit codes and
replies must be the same byte for byte, but for what must differ (pids, times, generations) and for DELIBERATE.

  differential_test.py [BIN] [--seed N] [--steps N] [--keep]

First the ctdb tool's commands (ctdb-behaviour.md 8), then raw packets (ctdb-wire.md 2 to 4), then a client that does
random legal things on all nodes; its seed is printed, and --seed plays it again.
"""
import argparse
import difflib
import os
import random
import re
import shutil
import signal
import struct
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bin", nargs="?")
parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--keep", action="store_true")
ARGS = parser.parse_args()
if ARGS.bin:
    os.environ["TOTEM_BIN"] = ARGS.bin

from local_cluster import LocalCluster, packaged_is_here  # noqa: E402
import raw_client as raw  # noqa: E402
from raw_client import RawClient, LocalFile, name, u32  # noqa: E402

# Steps whose results differ on purpose: what ours answers instead, and why. A step that stands here and does not differ
# fails as well, so that the table stays true.
DELIBERATE = {
    "call to an unknown database": ("error", "the packaged daemon never answers, and its client hangs (behaviour 9, pain 16)"),
    "attach without NUL (control 18)": ((-1, b""), "a name that is not a string is refused (behaviour 2.7)"),
    "attach of nothing (control 18)": ((-1, b""), "the same; the packaged daemon makes a database without a name"),
    "GET_TUNABLE b'DatabaseHashSize' (control 49)": ((-1, b""), "a name that is not a string is refused"),
    "SET_RECMODE 7 (control 16)": ((-1, b""), "there are two modes"),
    "commit to a volatile database": ((-1, b""), "there is nothing to commit to (wire 3.3.6)"),
}
# What our daemon has not got yet: steps whose names begin with this. They are played, and it is said when they all agree.
NOT_YET = {}
# What is not compared at all:
#   error texts of REPLY_CONTROL: no client reads them, ours say more (wire 2.6);
#   rsn: any growing numbers are right (behaviour 2.4.1); for whom a FETCH of a volatile record leaves the record: ours
#   does not migrate for readers (behaviour 1.5.4, pain 2); who leads; how many clients a daemon counts: the packaged one
#   counts its own recovery process; figures of statistics: only their names and order; whether a volatile record once
#   migrated with data, and that a record was asked for before it existed: marks of the packaged daemon's vacuuming.
TEXT_RULES = [
    (r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", "<time>"),
    (r"\(\d{3} \d\d:\d\d:\d\d\)", "(<age>)"),
    (r"Duration of last recovery/failover: -?[\d.]+", "Duration of last recovery/failover: <seconds>"),
    (r"Generation:\d+", "Generation:<generation>"),
    (r"time=[\d.]+ sec  \(\d+ clients\)", "time=<seconds> sec (<clients> clients)"),
    (r"Leader:\d", "Leader:<leader>"),
    (r"rsn: \d+", "rsn: <rsn>"),
    (r"0x00010000 MIGRATED_WITH_DATA|0x00040000 AUTOMATIC", "0x00000000"),
    (r"\bctdb\[\d+\]", "ctdb[<pid>]"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?", "<time>"),
    (r"(OK +)[\d.]+ ", r"\1<seconds> "),
]
COUNTS = [(r"\b\d+(\.\d+)?\b", "<n>"), (r"Key:[0-9a-f]*", "Key:<key>"), (r" +", " ")]
VOLATILE, PERSISTENT, REPLICATED = 18, 61, 150  # opcodes of attach
FENCE = 0xAE00000000000F00  # a message to it tells that those before it have arrived


class Player:
    """One of the two clusters, and what plays on it."""

    def __init__(self, kind, number):
        self.cluster = LocalCluster(kind, number=number)
        self.clients, self.files = {}, {}

    def client(self, node):
        if node not in self.clients:
            self.clients[node] = RawClient(self.cluster.socket(node))
        return self.clients[node]

    def file(self, node, db_id):
        if (node, db_id) not in self.files:
            path = self.client(node).control(4, u32(db_id))[1].rstrip(b"\0").decode()
            flags = struct.unpack("<i", self.client(node).control(149, u32(db_id))[1])[0]
            self.files[node, db_id] = LocalFile(path, flags)
        return self.files[node, db_id]

    # -- results without what must differ

    def plain(self, text, rules=()):
        network = self.cluster.address(0).rsplit(".", 1)[0]
        text = text.replace(str(self.cluster.directory), "<dir>").replace(network, "<net>")
        text = re.sub(r"(<net>\.\d+) +", r"\1 ", text)  # padded to a column: one network's name may be longer
        for node in self.cluster.processes:
            text = text.replace(str(self.cluster.pid(node)), f"<pid {node}>")
        for pattern, word in [*TEXT_RULES, *rules]:
            text = re.sub(pattern, word, text)
        return text

    def bytes(self, data):
        return (data.replace(str(self.cluster.directory).encode(), b"<dir>")
                .replace(bytes(int(part) for part in self.cluster.address(0).split(".")[:3]), b"<->"))

    # -- what is done

    def tool(self, node, *arguments, stdin=None, rules=(), any_order=False):
        arguments = [str(argument).replace("<dir>", str(self.cluster.directory)) for argument in arguments]
        done = self.cluster.tool(node, "-T", 20, *arguments, stdin=stdin)
        out = self.plain(done.stdout, rules)
        if any_order:
            out = "\n\n".join(sorted(part.strip() for part in out.split("\n\n")))
        return f"exit code {done.returncode}\n{out}{self.plain(done.stderr, rules)}"

    def control(self, node, opcode, data=b"", mask=(), **options):
        """Status and data; the bytes from..to of `mask` are not looked at."""
        answer = self.client(node).control(opcode, data, **options)
        if answer is None:
            return "no answer"
        status, reply = answer[0], bytearray(answer[1])
        for begin, end in mask:
            reply[begin:end] = bytes(len(reply[begin:end]))
        return status, self.bytes(bytes(reply))

    def call(self, node, db_id, key, callid, flags=0):
        answer = self.client(node).call(db_id, key, callid, flags, seconds=1 if db_id == 0xDEAD else 10)
        if answer is not None and callid == raw.FETCH_WITH_HEADER and answer[1]:
            return answer[0], answer[1][raw.HEADER_SIZE:]
        return "no answer" if answer is None else answer

    def restart_clients(self):
        for client in self.clients.values():
            client.close()
        self.clients = {}

    def stop(self):
        self.restart_clients()
        for file in self.files.values():
            file.close()
        self.cluster.stop(ARGS.keep)


class Differences:
    def __init__(self, players):
        self.players = players
        self.steps = 0
        self.found = []
        self.not_yet = {group: [] for group in NOT_YET}  # the steps that differ

    def step(self, what, play):
        """`play` on both; whether the results were as they should be."""
        self.steps += 1
        packaged, ours = (play(player) for player in self.players)
        if what in DELIBERATE:
            if ours == DELIBERATE[what][0] and packaged != ours:
                return True
        elif packaged == ours:
            return True
        group = what.split(" ")[0]
        if group in NOT_YET:
            self.not_yet[group].append(what)
            return True
        self.found.append(what)
        lines = [(result if isinstance(result, str) else repr(result)).splitlines() for result in (packaged, ours)]
        print("\n".join(["", f"** {what}", *difflib.unified_diff(*lines, "packaged", "ours", lineterm="", n=1)]), flush=True)
        return False


# -- the tool

def play_tool(differences):
    def tool(node, *arguments, group="", **options):
        what = f"{group} node {node}: ctdb {' '.join(map(str, arguments))}".strip()
        differences.step(what, lambda p: p.tool(node, *arguments, **options))

    for command in ("version", "status", "-X status", "nodestatus", "nodestatus all", "-X nodestatus all", "nodestatus 1,2",
                    "uptime", "ping", "ping -n 1", "runstate", "runstate running", "runstate setup", "runstate nonsense", "pnn",
                    "pnn -n 2", "pnn -n 7", "leader", "listnodes", "-X listnodes", "getpid", "getreclock", "getcapabilities",
                    "-X getcapabilities", "getdebug", "setdebug WARNING", "getdebug", "setdebug NOTICE", "setdebug nonsense",
                    "getvar MonitorInterval", "getvar monitorinterval", "getvar Nonsense", "setvar MonitorInterval 16",
                    "getvar MonitorInterval", "setvar MonitorInterval 15", "setvar Nonsense 1", "setvar", "listvars",
                    "process-exists 1", "process-exists 1 0x1234", "getdbmap", "-X getdbmap", "ip", "ip all", "-X ip", "ifaces",
                    "ipinfo 10.1.2.3", "checktcpport 1", "nonsense", "disable -n 9", "unban -n 9"):
        node_rules = [(r"^\d+$", "<leader>")] if command == "leader" else []
        tool(0, *command.split(), rules=node_rules)
    tool(0, "scriptstatus")
    for command in ("statistics", "-X statistics", "statisticsreset"):
        tool(0, *command.split(), rules=COUNTS)
    # As many blocks as seconds have passed.
    tool(0, "stats", "1", rules=[*COUNTS, (r"(?s)(CTDB version.*?)(CTDB version.*)", r"\1")])
    play_tool_on_databases(tool)
    play_tool_on_whole_databases(tool)


def play_tool_on_databases(tool):
    for database, kind in (("v.tdb", ""), ("p.tdb", "persistent"), ("r.tdb", "replicated"), ("s.tdb", "sticky"), ("ro.tdb", "readonly")):
        for node in range(3):
            tool(node, "attach", database, *kind.split())
    for command in ("attach v.tdb persistent", "attach p.tdb", "attach p.tdb replicated", "getdbmap", "-X getdbmap", "getdbstatus v.tdb",
                    "getdbstatus p.tdb", "getdbstatus r.tdb", "getdbstatus s.tdb", "-X getdbstatus p.tdb", "getdbstatus none.tdb",
                    "getdbseqnum v.tdb", "getdbseqnum p.tdb", "getdbseqnum none.tdb", "setdbreadonly v.tdb", "setdbreadonly v.tdb",
                    "setdbsticky v.tdb", "setdbreadonly p.tdb", "setdbsticky r.tdb", "getdbstatus v.tdb"):
        tool(0, *command.split())
    for node, command in ((0, "writekey v.tdb k1 one"), (0, "readkey v.tdb k1"), (1, "readkey v.tdb k1"), (1, "writekey v.tdb k1 two"),
                          (2, "readkey v.tdb k1"), (2, "readkey v.tdb missing"), (2, "writekey v.tdb k2 three"), (0, "writekey s.tdb a b"),
                          (1, "readkey s.tdb a"), (0, "readkey ro.tdb a readonly"), (0, "deletekey v.tdb k1"),
                          (1, "readkey v.tdb k1"), (1, "writekey v.tdb k1 again"), (2, "deletekey v.tdb missing"), (0, "readkey p.tdb k"),
                          (0, "writekey p.tdb k v"), (0, "readkey none.tdb k"), (0, "readkey v.tdb"), (0, "pfetch v.tdb k"), (0, "pstore v.tdb k v")):
        tool(node, *command.split())
    for node in range(3):
        tool(node, "catdb", "v.tdb", any_order=True)
    tool(0, "dbstatistics", "v.tdb", rules=COUNTS)
    tool(0, "dbstatistics", "none.tdb")
    for database in ("p.tdb", "r.tdb"):
        for node, command in ((0, f"pstore {database} a 1"), (1, f"pfetch {database} a"), (2, f"pfetch {database} none"), (1, f"pstore {database} b 2"),
                              (1, f"pdelete {database} a"), (0, f"pfetch {database} a"), (2, f"getdbseqnum {database}"), (2, f"pdelete {database} none"),
                              (2, f"getdbseqnum {database}")):
            tool(node, *command.split())
        tool(2, "ptrans", database, stdin='"x" "10"\n"y" "20"\n"b" ""\n')
        tool(0, "ptrans", database, stdin='nonsense\n')
        for node in range(3):
            tool(node, "getdbseqnum", database)
            tool(node, "catdb", database, any_order=True)
            tool(node, "cattdb", database, any_order=True)


def play_tool_on_whole_databases(tool):
    for command in ("backupdb p.tdb <dir>/p.backup", "dumpdbbackup <dir>/p.backup", "backupdb none.tdb <dir>/none", "restoredb <dir>/none",
                    "wipedb none.tdb", "detach v.tdb", "detach none.tdb"):
        tool(0, *command.split(), any_order=True)
    for command in ("pstore p.tdb later 1", "restoredb <dir>/p.backup", "catdb p.tdb", "restoredb <dir>/p.backup copy.tdb", "catdb copy.tdb",
                    "wipedb p.tdb", "catdb p.tdb", "getdbseqnum p.tdb", "wipedb v.tdb", "catdb v.tdb", "getdbstatus p.tdb"):
        tool(0, *command.split(), any_order=True)
    for node in range(3):
        tool(node, "setvar", "AllowClientDBAttach", "0")
    for command in ("attach more.tdb", "detach p.tdb"):
        tool(1, *command.split())
    tool(1, "detach", "s.tdb")
    for node in range(3):
        tool(node, "setvar", "AllowClientDBAttach", "1")
    time.sleep(1)  # the detach has no reply from the other nodes
    for node in range(3):
        tool(node, "getdbmap")


# -- raw packets

def play_packets(differences):
    def control(what, opcode, data=b"", node=0, **options):
        differences.step(f"{what} (control {opcode})", lambda p: p.control(node, opcode, data, **options))

    play_identity(control)
    play_registrations(differences, control)
    play_databases(differences, control)
    play_records(differences)
    play_hostile(differences)


def play_identity(control):
    for destination in (raw.CURRENT_NODE, 0, 1, 2, 7, 0xF0000005, 0xFFFFFFFF):
        control(f"GET_PNN to {destination:#x}", 35, destination=destination)
        control(f"GET_RECMODE to {destination:#x}", 15, destination=destination)
    control("GET_RUNSTATE", 138)
    control("GET_RUNSTATE of node 2", 138, destination=2)
    control("GET_CAPABILITIES", 80)
    control("GET_NODEMAP", 91)
    control("GET_NODEMAP of node 1", 91, destination=1)
    control("GET_NODES_FILE", 140)
    control("GETVNNMAP", 5, mask=[(0, 4)])
    control("GET_ALL_TUNABLES", 53)
    control("LIST_TUNABLES", 50)
    control("GET_RECLOCK_FILE", 99)
    control("GET_DEBUG", 7)
    control("UPTIME", 69, mask=[(0, 64)])
    control("STATISTICS", 1, mask=[(0, 488)])
    control("GET_BAN_STATE", 110)
    control("GET_IFACES", 124)
    control("GET_PUBLIC_IPS", 90)
    control("ECHO_DATA", 156, u32(0, 5) + b"hello")
    control("ECHO_DATA that lies about its length", 156, u32(0, 50) + b"hello")
    for tunable in (b"MonitorInterval\0", b"monitorinterval\0", b"Nonsense\0", b"VacuumDefaultInterval\0", b"DatabaseHashSize"):
        control(f"GET_TUNABLE {tunable}", 49, u32(len(tunable)) + tunable)
    control("GET_TUNABLE that lies about its length", 49, u32(100) + b"MonitorInterval\0")
    control("GET_TUNABLE too short", 49, u32(1))
    for tunable, value in ((b"MonitorInterval\0", 17), (b"MonitorInterval\0", 15), (b"Nonsense\0", 1)):
        control(f"SET_TUNABLE {tunable} {value}", 48, u32(value, len(tunable)) + tunable)
    for opcode in (2, 10, 11, 12, 13, 14, 19, 28, 31, 32, 37, 42, 43, 51, 54, 57, 58, 59, 60, 62, 75, 76, 79, 83, 84, 85, 86, 96, 100, 103, 107,
                   108, 111, 112, 116, 117, 118, 130, 136, 159, 160, 161, 200, 0xFFFFFFFF):
        control("an opcode without a function", opcode)
    for opcode in (6, 16, 63, 74, 81, 82, 97, 146, 147, 148, 154):
        control("nothing said to what wants something", opcode)
    for mode in (0, 7):
        control(f"SET_RECMODE {mode}", 16, u32(mode))
    # With payloads of a size that none of them accepts.
    for opcode in (0, 4, 7, 8, 9, 15, 24, 25, 26, 29, 35, 48, 50, 53, 80, 91, 109, 120, 121, 122, 129, 133, 138, 149, 151, 155):
        control("a payload of three bytes", opcode, b"abc")


def play_registrations(differences, control):
    mine, other = 0xAE00000000000001, 0xAE00000000000002
    control("REGISTER_SRVID", 23, srvid=mine)
    control("REGISTER_SRVID again", 23, srvid=mine)
    control("REGISTER_SRVID on another node", 23, srvid=mine, destination=1)
    control("DEREGISTER_SRVID of none", 24, srvid=other)
    control("REGISTER_SRVID on node 1", 23, srvid=mine, node=1)

    def message(what, sender, destination, receiver, count):
        def play(player):
            player.client(sender).message(destination, mine, what.encode())
            return player.client(receiver).take_messages(count)
        differences.step(f"message: {what}", play)

    message("to oneself, registered twice", 0, raw.CURRENT_NODE, 0, 2)
    message("to oneself by number", 0, 0, 0, 2)
    message("to another node", 0, 1, 1, 1)
    message("from another node", 1, 0, 0, 2)
    message("to all", 1, raw.BROADCAST_ALL, 0, 2)
    differences.step("message: and the sender gets it, too", lambda p: p.client(1).take_messages(1))
    control("DEREGISTER_SRVID", 24, srvid=mine)
    message("to oneself, registered once", 0, raw.CURRENT_NODE, 0, 1)
    control("DEREGISTER_SRVID, the last", 24, srvid=mine)
    control("DEREGISTER_SRVID, none left", 24, srvid=mine)
    notify = struct.pack("<QI", mine, 3) + b"bye"
    control("REGISTER_NOTIFY", 114, notify, node=2)
    control("REGISTER_NOTIFY again", 114, notify, node=2)
    control("REGISTER_NOTIFY too long", 114, notify + b"x", node=2)

    def farewell(player):
        player.clients.pop(2).close()
        return player.client(1).take_messages(1)
    differences.step("the notification of a client that went", farewell)
    control("DEREGISTER_NOTIFY of none", 115, struct.pack("<Q", mine))
    control("PROCESS_EXISTS of this process", 0, u32(os.getpid()))
    control("PROCESS_EXISTS of this process on node 1", 0, u32(os.getpid()), destination=1)
    control("PROCESS_EXISTS of process 1", 0, u32(1))
    control("CHECK_PID_SRVID", 151, struct.pack("<iQ", os.getpid(), mine), destination=1)
    control("CHECK_PID_SRVID of another one", 151, struct.pack("<iQ", os.getpid(), other), destination=1)
    control("TUNNEL_REGISTER", 152, srvid=0xFFFFFFFF00000000)
    control("TUNNEL_REGISTER again", 152, srvid=0xFFFFFFFF00000000)
    control("TUNNEL_DEREGISTER", 153, srvid=0xFFFFFFFF00000000)
    control("TUNNEL_DEREGISTER of none", 153, srvid=0xFFFFFFFF00000000)


IDS = {}  # name -> database id, the same on both


def attach(differences, database, opcode, node=0):
    def play(player):
        result = player.control(node, opcode, name(database))
        if result != "no answer" and result[0] == 0:
            IDS[database] = struct.unpack("<I", result[1])[0]
        return result
    return differences.step(f"attach {database} (control {opcode}) on node {node}", play)


def play_databases(differences, control):
    for database, opcode in (("raw_v.tdb", VOLATILE), ("raw_p.tdb", PERSISTENT), ("raw_r.tdb", REPLICATED)):
        attach(differences, database, opcode)
        for again in (VOLATILE, PERSISTENT, REPLICATED):
            attach(differences, database, again, node=1)
    control("attach for recovery without one", VOLATILE, name("raw_y.tdb"), flags=0x20000)
    for database in ("raw_v.tdb", "raw_p.tdb", "raw_r.tdb", None):
        db_id = u32(IDS.get(database, 0xDEAD))
        for what, opcode in (("GETDBPATH", 4), ("GET_DBNAME", 25), ("DB_OPEN_FLAGS", 149), ("ENABLE_SEQNUM", 26), ("DB_OPEN_FLAGS", 149),
                             ("SET_DB_READONLY", 129), ("SET_DB_READONLY", 129), ("SET_DB_STICKY", 133), ("DB_GET_HEALTH", 122)):
            control(f"{what} of {database}", opcode, db_id)
        control(f"GET_DB_SEQNUM of {database}", 120, db_id + u32(0))
        control(f"TRAVERSE_START of {database}", 20, db_id + u32(5) + struct.pack("<Q", 0xBE00000000000001))
    for what, db_id in (("a database", IDS["raw_v.tdb"]), ("no database", 0xDEAD)):
        control(f"SCHEDULE_FOR_DELETION in {what}", 128, u32(db_id, 0) + raw.ltdb_header(1, 0) + u32(3) + b"key")
    control("SCHEDULE_FOR_DELETION too short", 128, u32(IDS["raw_v.tdb"], 0))
    for database in ("raw_v.tdb", "raw_p.tdb", None):
        db_id = u32(IDS.get(database, 0xDEAD))
        for what, opcode, data in (("DB_TRANSACTION_START", 143, db_id + u32(7)), ("DB_TRANSACTION_COMMIT", 144, db_id + u32(7)),
                                   ("DB_TRANSACTION_CANCEL", 145, db_id), ("WIPE_DATABASE", 67, db_id + u32(7)),
                                   ("DB_PULL", 146, db_id + u32(-1) + bytes(8)), ("DB_PUSH_START", 147, db_id + u32(-1) + bytes(8)),
                                   ("DB_PUSH_CONFIRM", 148, db_id), ("DB_FREEZE", 141, db_id), ("DB_FREEZE again", 141, db_id),
                                   ("DB_PUSH_CONFIRM of none", 148, db_id), ("DB_TRANSACTION_COMMIT of none", 144, db_id + u32(7)),
                                   ("DB_TRANSACTION_START", 143, db_id + u32(7)), ("DB_TRANSACTION_CANCEL", 145, db_id),
                                   ("DB_THAW", 142, db_id), ("DB_THAW again", 142, db_id), ("DB_VACUUM", 155, db_id + b"\0"),
                                   ("DB_SET_HEALTHY", 121, db_id), ("SET_DB_STICKY again", 133, db_id)):
            # Of a database that is not volatile it ends the packaged daemon.
            if what != "DB_VACUUM" or database == "raw_v.tdb":
                control(f"{what} of {database}", opcode, data)
    control("GET_DBMAP", 9)
    control("attach without NUL", VOLATILE, b"raw_x.tdb")
    control("attach of nothing", VOLATILE, b"")


def play_records(differences):
    volatile, persistent = IDS["raw_v.tdb"], IDS["raw_p.tdb"]

    def call(what, node, db_id, key, callid, flags=0):
        return differences.step(f"call: {what}", lambda p: p.call(node, db_id, key, callid, flags))

    for callid in (raw.FETCH, raw.FETCH_WITH_HEADER, raw.NULL_CALL, 0x1234):
        call(f"a record that is not there, {callid:#x}", 1, volatile, b"none", callid)
    call("NULL on node 0", 0, volatile, b"key", raw.NULL_CALL, raw.IMMEDIATE_MIGRATION)
    differences.step("change on node 0", lambda p: p.file(0, volatile).change(b"key", 0, b"from node 0"))
    call("FETCH on node 0", 0, volatile, b"key", raw.FETCH)
    call("FETCH on node 1", 1, volatile, b"key", raw.FETCH, raw.WANT_READONLY)
    call("FETCH_WITH_HEADER on node 2", 2, volatile, b"key", raw.FETCH_WITH_HEADER)
    call("NULL on node 2", 2, volatile, b"key", raw.NULL_CALL, raw.IMMEDIATE_MIGRATION)
    differences.step("change on node 2", lambda p: p.file(2, volatile).change(b"key", 2, b"from node 2"))
    call("FETCH on node 0 again", 0, volatile, b"key", raw.FETCH)
    key = b"pkey"
    for number in (1, 2):
        commit = raw.marshall(persistent, [(key, raw.ltdb_header(number, 0) + b"value %d" % number),
                                           (b"__db_sequence_number__\0", raw.seqnum_value(number, 0, number))])
        differences.step(f"commit {number}", lambda p, data=commit: p.control(0, 119, data, srvid=persistent, seconds=30))
        for node in range(3):
            differences.step(f"what node {node} has in its file after commit {number}", lambda p, n=node: p.file(n, persistent).fetch(key))
    call("FETCH from a persistent database", 0, persistent, key, raw.FETCH)
    differences.step("commit to a volatile database", lambda p: p.control(0, 119, raw.marshall(volatile, []), srvid=volatile))
    differences.step("commit to an unknown database", lambda p: p.control(0, 119, raw.marshall(0xDEAD, []), srvid=0xDEAD))
    play_unknown_database(differences)
    play_traverse(differences, volatile)
    play_traverse(differences, persistent)


def play_unknown_database(differences):
    def play(player):
        client = player.client(0)
        reqid = client.send(raw.REQ_CALL, u32(0, 0xDEAD, raw.FETCH, 0, 3, 0) + b"key")
        packet = client.answer(reqid, seconds=0.5)
        return "no answer" if packet is None else "error" if packet[0] == raw.REPLY_ERROR else packet
    differences.step("call to an unknown database", play)


def play_traverse(differences, db_id):
    srvid = 0xBE00000000000077

    def play(player):
        client = RawClient(player.cluster.socket(1))
        client.control(23, srvid=srvid)
        started = client.control(131, u32(db_id, 9) + struct.pack("<QQ", srvid, 0))
        records, ended = [], False
        while not ended:
            messages = client.take_messages(1)
            if not messages:
                return "no end", records
            for _, data in messages:
                _, reqid, key_size, value_size = struct.unpack_from("<4I", data)
                ended = key_size == 0 and value_size == 0
                if not ended:
                    records.append((reqid, data[16:16 + key_size], data[16 + key_size + raw.HEADER_SIZE:]))
        client.close()
        return started[:2], sorted(records)
    differences.step(f"traverse of {db_id:#x}", play)


# What is no packet, or none for a client: dropped, or the end of the connection (wire 1.5).
def play_hostile(differences):
    whole = (struct.pack("<8I", 60, raw.MAGIC, raw.VERSION, 0, 7, raw.CURRENT_NODE, 0, 77) +
             struct.pack("<IIQIII", 35, 0, 0, 0, 0, 0))
    for what, data in (("foreign magic", struct.pack("<8I", 32, 1, raw.VERSION, 0, 7, 0, 0, 1)),
                       ("foreign version", struct.pack("<8I", 32, raw.MAGIC, 9, 0, 7, 0, 0, 1)),
                       ("shorter than a header", struct.pack("<4I", 16, raw.MAGIC, raw.VERSION, 0)),
                       ("unknown operation", struct.pack("<8I", 32, raw.MAGIC, raw.VERSION, 0, 99, 0, 0, 1)),
                       ("a reply", struct.pack("<8I", 44, raw.MAGIC, raw.VERSION, 0, 8, 0, 0, 1) + bytes(12)),
                       ("a packet in two halves", whole[:7])):
        def play(player, data=data, half=what.endswith("halves")):
            client = RawClient(player.cluster.socket(0))
            try:
                client.send_bytes(data)
                if half:
                    time.sleep(0.05)  # two reads of the daemon
                    client.send_bytes(whole[7:])
                    return client.answer(77, 2)
                return client.control(35, seconds=2)
            except raw.Gone:
                return "closed"
            finally:
                client.close()
        differences.step(f"hostile: {what}", play)

    def zero_length(player):
        client = RawClient(player.cluster.socket(0))
        client.send_bytes(bytes(32))
        try:
            return client.control(35, seconds=2)
        except (raw.Gone, BrokenPipeError, ConnectionResetError):
            return "closed"
    differences.step("hostile: length zero", zero_length)


# -- a random client

class RandomClient:
    """Legal things in random order, one at a time, on all nodes; both daemons are told the same before the next one."""

    def __init__(self, differences, seed):
        self.differences = differences
        self.random = random.Random(seed)
        self.databases = {}  # name -> opcode of its kind
        self.registered = {}  # (node, srvid) -> how often
        self.sequence = {}  # of persistent databases
        self.history = []
        self.register_fences()

    def register_fences(self):
        for player in self.differences.players:
            for node in range(3):
                player.client(node).control(23, srvid=FENCE)

    def play(self, steps):
        doings = [self.attach, self.register, self.message, self.fetch, self.fetch, self.change, self.change, self.change, self.remove, self.commit,
                  self.ask, self.reconnect]
        for _ in range(steps):
            before = len(self.differences.found)
            self.random.choice(doings)()
            if len(self.differences.found) > before:
                print("   after: " + "; ".join(self.history[-8:]))
                return

    def step(self, what, play):
        self.history.append(what)
        return self.differences.step(f"seed {ARGS.seed}: {what}", play)

    def node(self):
        return self.random.randrange(3)

    def key(self):
        return b"key %d" % self.random.randrange(12)

    def database(self, *kinds):
        known = sorted(database for database, kind in self.databases.items() if kind in kinds)
        return self.random.choice(known) if known else None

    def attach(self):
        database, node, opcode = f"random_{self.random.randrange(6)}.tdb", self.node(), self.random.choice((VOLATILE, VOLATILE, PERSISTENT, REPLICATED))
        self.history.append(f"attach {database} {opcode} on {node}")
        if attach(self.differences, database, opcode, node) and database in IDS:
            self.databases.setdefault(database, opcode)

    def register(self):
        node, srvid = self.node(), 0xAE00000000000100 + self.random.randrange(4)
        register = self.random.random() < 0.6
        count = self.registered.get((node, srvid), 0)
        self.registered[node, srvid] = count + 1 if register else max(count - 1, 0)
        self.step(f"{'' if register else 'de'}register {srvid:#x} on {node}", lambda p: p.control(node, 23 if register else 24, srvid=srvid))

    def message(self):
        sender, srvid = self.node(), 0xAE00000000000100 + self.random.randrange(4)
        receivers = self.random.choice(([0], [1], [2], [0, 1, 2]))
        destination = receivers[0] if len(receivers) == 1 else raw.BROADCAST_CONNECTED
        data = self.random.randbytes(self.random.choice((0, 1, 40, 5000)))

        def play(player):
            player.client(sender).message(destination, srvid, data)
            player.client(sender).message(destination, FENCE, b"")  # what one client sends arrives in its order
            return [player.client(node).take_messages_until(FENCE) for node in receivers]
        self.step(f"message {sender} -> {destination:#x} {srvid:#x}, {len(data)} bytes", play)

    def fetch(self):
        database, node, key = self.database(VOLATILE, PERSISTENT, REPLICATED), self.node(), self.key()
        callid, flags = self.random.choice(((raw.FETCH, 0), (raw.FETCH, raw.WANT_READONLY), (raw.FETCH_WITH_HEADER, 0),
                                            (raw.FETCH_WITH_HEADER, raw.WANT_READONLY), (0x77, 0)))
        if database and self.is_everywhere(database):
            self.step(f"call {callid:#x} of {key} in {database} on {node}", lambda p: p.call(node, IDS[database], key, callid, flags))

    def is_everywhere(self, database):
        """An attach reaches the other nodes a moment after it was answered."""
        for node in range(3):
            deadline = time.monotonic() + 5
            for player in self.differences.players:
                while player.client(node).control(25, u32(IDS[database]))[0] != 0:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.005)
        return True

    def change(self, empty=False):
        database, node, key = self.database(VOLATILE), self.node(), self.key()
        if not database or not self.is_everywhere(database):
            return
        db_id, data = IDS[database], b"" if empty else self.random.randbytes(self.random.choice((1, 30, 3000)))

        def play(player):
            called = player.call(node, db_id, key, raw.NULL_CALL, raw.IMMEDIATE_MIGRATION)
            changed = player.file(node, db_id).change(key, node, data)
            if empty:
                player.control(node, 128, u32(db_id, 0) + raw.ltdb_header(1, node) + u32(len(key)) + key, flags=raw.NOREPLY)
            return called, changed
        self.step(f"{'delete' if empty else 'change'} {key} in {database} on {node}", play)

    def remove(self):
        self.change(empty=True)

    def commit(self):
        database, node = self.database(PERSISTENT, REPLICATED), self.node()
        if not database or not self.is_everywhere(database):
            return
        db_id, number = IDS[database], self.sequence.get(database, 0) + 1
        self.sequence[database] = number
        changes = {self.key(): self.random.randbytes(self.random.choice((0, 8, 2000))) for _ in range(self.random.randrange(1, 5))}

        def play(player):
            file, records = player.file(node, db_id), []
            for key, data in sorted(changes.items()):
                old = file.fetch(key)
                rsn = struct.unpack_from("<Q", old)[0] if old else 0
                records.append((key, raw.ltdb_header(rsn + 1, node) + data))
            records.append((b"__db_sequence_number__\0", raw.seqnum_value(number, node, number)))
            answer = player.control(node, 119, raw.marshall(db_id, records), srvid=db_id, seconds=30)
            return answer, [[player.file(n, db_id).fetch(key) for key in sorted(changes)] for n in range(3)]
        self.step(f"commit {number} of {len(changes)} records to {database} on {node}", play)

    def ask(self):
        database, node, asked = self.database(VOLATILE, PERSISTENT, REPLICATED), self.node(), self.node()
        if not database or not self.is_everywhere(database):
            return
        opcode = self.random.choice((4, 25, 26, 149, 120, 122, 129, 35, 15, 138, 91))
        data = u32(IDS[database]) if opcode in (4, 25, 26, 149, 122, 129) else u32(IDS[database], 0) if opcode == 120 else b""
        self.step(f"control {opcode} about {database} from {node} to {asked}", lambda p: p.control(node, opcode, data, destination=asked))

    def reconnect(self):
        if self.random.random() < 0.2:
            self.registered.clear()
            for player in self.differences.players:
                player.restart_clients()
            self.register_fences()


def main():
    if not packaged_is_here():
        print("SKIPPED: the packaged ctdbd is not installed (apt-get install ctdb), so there is nothing to compare with")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemons end with us
    players = [Player("packaged", 0), Player("ours", 1)]
    differences = Differences(players)
    begin = time.monotonic()
    try:
        for player in players:
            player.cluster.start()
        for player in players:
            player.cluster.wait_until_healthy()
        for what, play in (("the tool", play_tool), ("raw packets", play_packets)):
            play(differences)
            print(f"{what}: {differences.steps} steps until now, {time.monotonic() - begin:.0f} s")
        for player in players:
            player.restart_clients()
        print(f"a random client: --seed {ARGS.seed}")
        RandomClient(differences, ARGS.seed).play(ARGS.steps)
    finally:
        for player in players:
            player.stop()
    print(f"{differences.steps} steps, {len(differences.found)} differences, {time.monotonic() - begin:.0f} s")
    for what in differences.found:
        print(f"  differs: {what}")
    for group, steps in differences.not_yet.items():
        print(f"  not yet: {group} {NOT_YET[group]}: " +
              (f"{len(steps)} steps differ" if steps else "nothing differs any more: take it from NOT_YET"))
    return 1 if differences.found else 0


if __name__ == "__main__":
    sys.exit(main())
