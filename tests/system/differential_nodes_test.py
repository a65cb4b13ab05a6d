#!/usr/bin/env python3
"""The packaged ctdbd and ours, side by side on loopback, are asked everything that the ctdb tool has about nodes, events and
addresses: while all nodes are well, with one that is disabled, stopped, banned, cut off, or not there, in the forms for people and for
programs, of one node, several and all, and with arguments that are wrong. The packaged daemon's pauses make it take three minutes. At the end stands the table: how many commands were
compared, how many answers were the same, and which differ on purpose.

  differential_nodes_test.py [BIN] [--keep]
"""
import collections
import os
import signal
import subprocess
import sys
import time

from differential_test import COUNTS, Differences, Player
from local_cluster import packaged_is_here

# What differs on purpose, by a step's name: why. Not counted as the same, and not as a difference; one that
# never differs is told.
DELIBERATE = {
    "all are well: node 0: ctdb gratarp 1.2.3.4 nothere0": "an interface that is not there is an error; the packaged daemon is silent about it",
    "all are well: node 0: ctdb ifaces (link down)": "an address leaves an interface whose link is down at once, not with a later look",
    "one is stopped: node 1: ctdb status": "who is out shows who serves now; the packaged daemon shows the last map it was in",
    "one is banned: node 1: ctdb status": "the same",
    "one is cut off: node 1: ctdb status": "who is cut off shows those who are left with it; the packaged daemon shows the last map it was in",
    **{f"one is cut off: node 1: ctdb {question}": "who is cut off hosts no address; the packaged daemon keeps what others may have by now"
       for question in ("ip", "-X ip", "-v ip", "ip -n 1", "ip all", "-X ip all", "ifaces", "-X ifaces", "ifaces -n 1", "ipinfo 192.168.177.1",
                        "ipinfo 192.168.177.2", "ipinfo 192.168.177.3")},
}

OWN_NETWORK = "TOTEM_TEST_OWN_NETWORK"  # in the environment: this process has it
PUBLIC = ["192.168.177.1", "192.168.177.2", "192.168.177.3"]

# Of each node's state: asked of a node that is well, and of the one it is about.
ABOUT_A_STATE = """status; -X status; -Y status; -x ; nodestatus; -X nodestatus all; -Y nodestatus all; nodestatus all; nodestatus 1;
nodestatus 0,1,2; nodestatus 7; nodestatus nonsense; -n 1 nodestatus; -n 7 nodestatus; listnodes; -X listnodes; -Y listnodes;
pnn; runstate; runstate -n 1; runstate RUNNING; getcapabilities; -X getcapabilities; getcapabilities -n 1; ping; ping -n 1;
ping -n 9; getreclock; getvar MonitorInterval; getvar MonitorInterval -n 1; ip; -X ip; -v ip; ip all; -X ip all; ip -n 1; ifaces;
-X ifaces; ifaces -n 1; ipinfo 192.168.177.1; ipinfo 192.168.177.2; ipinfo 192.168.177.3; ipinfo 9.9.9.9; ipinfo nonsense; gettickles 192.168.177.1; gettickles 9.9.9.9;
scriptstatus; event status legacy monitor; event script list legacy; reloadnodes; leader; getdebug; getpid"""


class Sheet(Differences):
    """Counts by the tool's command."""

    def __init__(self, players):
        super().__init__(players)
        self.compared, self.same = collections.Counter(), collections.Counter()
        self.deliberate = collections.Counter()

    def tool(self, state, node, command, note="", **options):
        name = f"{state}: node {node}: ctdb {command}{note}"
        word = next((word for word in command.split() if word[0].isalpha()), "options")
        rules = options.pop("rules", [])
        if command.split()[0] == "leader":
            rules = [(r"^\d+$", "<leader>")]
        self.compared[word] += 1
        reason = name if name in DELIBERATE else None
        if reason is not None:
            packaged, ours = (player.tool(node, *command.split(), rules=rules, **options) for player in self.players)
            self.steps += 1
            self.deliberate[reason if packaged != ours else None] += 1
            self.same[word] += packaged == ours
            return
        before = len(self.found)
        self.step(name, lambda player: player.tool(node, *command.split(), rules=rules, **options))
        self.same[word] += len(self.found) == before

    def table(self):
        print(f"\n{'command':<20} {'compared':>8} {'identical':>9}")
        for word in sorted(self.compared):
            print(f"{word:<20} {self.compared[word]:>8} {self.same[word]:>9}")
        print(f"{'all':<20} {sum(self.compared.values()):>8} {sum(self.same.values()):>9}\ndeliberate differences:")
        for begin, reason in DELIBERATE.items():
            print(f"  {begin}: {reason}" + ("" if self.deliberate[begin] else " (did not differ)"))


def settled(players, what, seconds=40):
    """Until both clusters show the same to the same question: a state is reached in its own time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len({what(player) for player in players}) == 1:
            return
        time.sleep(0.2)  # only other processes know


def quiet(sheet):
    settled(sheet.players, lambda player: "".join(player.tool(node, "nodestatus", "all") + player.tool(node, "ip", "all") for node in player.cluster.processes)
            + player.tool(0, "status"))


def ask_about(sheet, state, nodes=(0, 1)):
    quiet(sheet)
    for node in nodes:
        for command in ABOUT_A_STATE.replace("\n", " ").split("; "):
            sheet.tool(state, node, command)


def play_well(sheet):
    for command in ("setvar RerecoveryTimeout 1", "setvar Nonsense 1", "setvar MonitorInterval", "setvar MonitorInterval x", "setvar MonitorInterval 15",
                    "getvar", "getvar Nonsense", "listvars", "runstate nonsense", "runstate SETUP", "getcapabilities nonsense", "status nonsense",
                    "uptime", "process-exists 1", "setdebug nonsense", "event", "event run", "event run 10 legacy monitor", "event run 10 legacy nonsense",
                    "event status legacy nonsense", "event status nonsense monitor", "event status legacy startup", "event script list nonsense",
                    "event script disable legacy 00.test", "event script list legacy", "event run 10 legacy monitor", "event script enable legacy 00.test",
                    "event script enable legacy nonsense", "event script disable legacy nonsense", "event script list legacy", "scriptstatus init",
                    "scriptstatus nonsense", "sync", "ipreallocate", "recover", "setlmasterrole", "setlmasterrole nonsense", "setleaderrole nonsense",
                    "ban", "ban 0 -n 2", "ban x -n 2", "unban -n 9", "disable -n 9", "enable -n 9", "stop -n 9", "continue -n 9", "enable", "continue",
                    "unban", "setifacelink lo", "setifacelink nothere0 up", "setifacelink lo nonsense", "moveip", "moveip 1.2.3.4 1",
                    f"moveip {PUBLIC[0]} 9", "addip", "addip nonsense lo", "addip 192.168.177.9/24 nothere0", f"addip {PUBLIC[0]}/24 lo", "delip",
                    "delip 1.2.3.4", "gratarp 1.2.3.4 nothere0", "checktcpport 1", "nonsense"):
        sheet.tool("all are well", 0, command)
    for node in (1, 2):
        sheet.tool("all are well", node, "setvar RerecoveryTimeout 1")
    for command in ("statistics", "-X statistics", "statisticsreset"):
        sheet.tool("all are well", 0, command, rules=COUNTS)
    sheet.tool("all are well", 0, "setifacelink lo down")
    sheet.tool("all are well", 0, "ifaces", note=" (link down)")
    for command in ("nodestatus", "-X nodestatus", "setifacelink lo up", "ifaces", "setlmasterrole off -n 2",
                    "getcapabilities -n 2", "setlmasterrole on -n 2", "setleaderrole off -n 2", "-X getcapabilities -n 2", "setleaderrole on -n 2",
                    f"addtickle 10.9.9.9:1000 {PUBLIC[1]}:445", "addtickle nonsense", f"deltickle 10.9.9.9:1000 {PUBLIC[1]}:445"):
        sheet.tool("all are well", 0, command)
    quiet(sheet)
    ask_about(sheet, "all are well")


def play_states(sheet):
    for state, begin, again, end in (("one is disabled", "disable -n 1", "disable -n 1", "enable -n 1"), ("one is stopped", "stop -n 1", "stop -n 1", "continue -n 1"),
                                     ("one is banned", "ban 600 -n 1", "ban 600 -n 1", "unban -n 1")):
        for command in (begin, again):
            sheet.tool(state, 0, command)
        ask_about(sheet, state)
        sheet.tool(state, 1, "attach late.tdb")
        sheet.tool(state, 0, "sync")
        for command in (end, end):
            sheet.tool(state, 0, command)


def between(player, word):
    """Begins (-A) or ends (-D) to drop what node 1 and the others of a cluster send to each other."""
    one = player.cluster.address(1)
    for rule in (["-s", one, "!", "-d", one], ["-d", one, "!", "-s", one]):
        subprocess.run(["iptables", word, "INPUT", *rule, "-j", "DROP"], check=True)


def play_cut_off(sheet):
    """Asked on both sides; the network heals, and all are well again. It is no leader: with the cluster lock in its hands the
    others of the packaged daemon would never serve."""
    if not os.environ.get(OWN_NETWORK):
        print("SKIPPED: a node that is cut off from the others: no network namespace can be had (unshare --net, iptables)")
        return
    sheet.tool("one will be cut off", 1, "setleaderrole off")
    quiet(sheet)
    for player in sheet.players:
        between(player, "-A")
    settled(sheet.players, lambda player: "".join(player.tool(node, word) for node, word in ((0, "status"), (2, "status"), (0, "ip"), (1, "nodestatus"))))
    for node in (0, 1):
        for command in ABOUT_A_STATE.replace("\n", " ").split("; "):
            sheet.tool("one is cut off", node, command)
    for player in sheet.players:
        between(player, "-D")
        player.tool(1, "unban")  # the packaged daemon, of itself
    for player in sheet.players:
        player.cluster.wait_until_healthy()
    sheet.tool("one was cut off", 1, "setleaderrole on")
    quiet(sheet)
    for node in (0, 1):
        for command in ("status", "nodestatus all", "ip all", "leader", "runstate"):
            sheet.tool("one was cut off", node, command)


def play_gone(sheet):
    for player in sheet.players:
        player.cluster.kill(1)
    ask_about(sheet, "one is gone", nodes=(0, 2))
    for command in ("disable -n 1", "stop -n 1", "ban 60 -n 1", "shutdown -n 1", "setvar MonitorInterval 15 -n 1", "sync", "recover"):
        sheet.tool("one is gone", 0, command)


def in_own_network():
    """Where packets may be dropped, and nobody else's are: starts anew in it, or goes on in this one."""
    word = ["unshare", "--net", "sh", "-c", 'ip link set lo up && iptables -L >/dev/null && exec "$@"', "sh"]
    if not os.environ.get(OWN_NETWORK) and subprocess.run([*word, "true"], capture_output=True).returncode == 0:
        os.environ[OWN_NETWORK] = "1"
        os.execvp(word[0], [*word, sys.executable, *sys.argv])


def main():
    in_own_network()
    if not packaged_is_here():
        print("SKIPPED: the packaged ctdbd is not installed (apt-get install ctdb), so there is nothing to compare with")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemons end with us
    players = [Player("packaged", 0), Player("ours", 1)]
    sheet, begin = Sheet(players), time.monotonic()
    try:
        for player in players:
            for node in player.cluster.nodes:
                (player.cluster.base(node) / "public_addresses").write_text("".join(f"{ip}/24 lo\n" for ip in PUBLIC))
                # By LCP2 it matters, for good, who was asked first after an interface came back.
                (player.cluster.base(node) / "ctdb.tunables").write_text("IPAllocAlgorithm=0\nKeepaliveInterval=1\nKeepaliveLimit=3\n")
            if player.cluster.kind == "ours":  # so that what one node sends to one other can be dropped
                for node in player.cluster.nodes:
                    with open(player.cluster.base(node) / "totem.conf", "a") as conf:
                        conf.write("    transport = unicast\n")
            player.cluster.start()
        for player in players:
            player.cluster.wait_until_healthy()
        for play in (play_well, play_states, play_cut_off, play_gone):
            play(sheet)
            print(f"{play.__name__}: {sheet.steps} commands until now, {time.monotonic() - begin:.0f} s", flush=True)
    finally:
        for player in players:
            player.stop()
    sheet.table()
    return 1 if sheet.found else 0


if __name__ == "__main__":
    sys.exit(main())
