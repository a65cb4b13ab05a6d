"""Three machines in namespaces of this one, each with a daemon of ours and the distribution's smbd on it.

A machine has its own network, processes and mounts, so every program finds its files at its usual place (/etc/ctdb,
/run/ctdb, /etc/samba, ...) and its power can be cut by ending its first process. The machines' cables meet in a bridge
that lives in a namespace of its own: nothing leaves this computer, and nothing of its own network, files or Samba is
touched. The only thing the machines share is the exported directory, as if it were on a cluster file system.

What is asked of them stands in samba_test.py.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSWORD = "totem-ring"
PROGRAMS = ["ip", "setpriv", "unshare", "nsenter", "mount", "ctdb", "smbd", "smbclient", "smbstatus", "smbtorture",
            "smbpasswd", "net"]
PYTHON = "/usr/bin/python3" # the one that has the distribution's Samba bindings
# Where the machines have directories of their own, and what those are called on this computer.
PLACES = {"/etc/ctdb": "etc.ctdb", "/var/lib/ctdb": "var.ctdb", "/etc/samba": "etc.samba",
          "/var/lib/samba": "var.samba", "/var/cache/samba": "cache.samba", "/run": "run"}


def what_is_missing():
    """Why no such cluster can be had here, or None."""
    if os.geteuid() != 0:
        return "only root can make namespaces"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    for place in PLACES:
        if not os.path.isdir(place):
            return f"there is no {place}"
    if subprocess.run([PYTHON, "-c", "import samba.samba3"], capture_output=True).returncode != 0:
        return "the Samba bindings for Python (python3-samba) are not installed"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],
                      capture_output=True).returncode != 0:
        return "namespaces cannot be made here"
    return None


class Failed(Exception):
    pass


def take_right_of_way():
    """Three machines share the processors with whatever else runs on this computer: they go first.

    Their daemons cannot have the real-time priority that each would have on its own computer, for then they would keep
    each other from running. Priorities are compared within a session, and sessions with each other where there are
    autogroups.
    """
    if os.getsid(0) != os.getpid():
        if os.getpgrp() == os.getpid() and os.fork() > 0: # a leader of a group cannot begin a session; its child can
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
        os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    autogroup = Path("/proc/self/autogroup")
    if autogroup.exists():
        autogroup.write_text("-15")


def run(command, timeout=30, check=True, **options):
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def eventually(what, condition, patience=30.0):
    """Waits for something that only another process can know; returns what the condition returned."""
    deadline = time.monotonic() + patience
    while True:
        try:
            outcome = condition()
        except (Failed, subprocess.TimeoutExpired) as trouble:
            outcome, last = None, trouble
        else:
            last = None
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise Failed(f"not within {patience} s: {what}" + (f"\n{last}" if last else ""))
        time.sleep(0.05)


class Machine:
    """Namespaces with a first process that does nothing but hold them, and ends with the test however that ends."""

    def __init__(self, name):
        self.name = name
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--uts", "--ipc", "--mount", "--propagation",
             "private", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
             f"hostname {name} && echo ready && exec sleep infinity"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise Failed(f"machine {name} does not start")
        self.first = only_child(self.holder.pid)

    def inside(self, *command):
        return ["nsenter", "--target", str(self.first), "--net", "--uts", "--ipc", "--mount", "--pid",
                *map(str, command)]

    def ip(self, *arguments):
        run(self.inside("ip", *arguments))

    def give_directories(self, base):
        """Of its own, at the usual places; /run is empty after a start."""
        shutil.rmtree(base / "run", ignore_errors=True)
        for place, directory in PLACES.items():
            (base / directory).mkdir(parents=True, exist_ok=True)
            run(self.inside("mount", "--bind", base / directory, place))
        for directory in ["ctdb", "samba"]:
            (base / "run" / directory).mkdir()

    def power_off(self, entered):
        """Every process ends at once. `entered` from here, and the first is not gone before they are waited for."""
        try:
            os.kill(self.first, signal.SIGKILL)
        except ProcessLookupError:
            pass
        for process in entered:
            process.kill() # what is left of it is its nsenter
            process.wait(timeout=20)
        self.holder.wait(timeout=20)
        self.holder.stdout.close()


def only_child(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Node:
    """One machine of the cluster: an address, a daemon, an smbd."""

    def __init__(self, cluster, pnn):
        self.cluster = cluster
        self.pnn = pnn
        self.address = f"10.78.0.{pnn + 1}"
        self.base = cluster.directory / f"node.{pnn}"
        self.machine = None
        self.daemon = None
        self.smbd = None

    # -- the machine

    def write_files(self):
        for directory in ["logs", "var.ctdb/volatile", "var.ctdb/persistent", "var.ctdb/state", "var.samba/private",
                          "etc.ctdb/events/legacy", "etc.samba"]:
            (self.base / directory).mkdir(parents=True)
        etc = self.base / "etc.ctdb"
        (etc / "nodes").write_text("".join(f"{node.address}\n" for node in self.cluster.nodes))
        # No real-time priority: take_right_of_way() says why.
        (etc / "ctdb.conf").write_text(f"[logging]\n    location = file:{self.base}/logs/ctdb\n    log level = INFO\n"
                                       "[legacy]\n    realtime scheduling = false\n")
        (etc / "totem.conf").write_text(f"[ring]\n    key file = {self.cluster.key}\n")
        if self.cluster.public:
            (etc / "public_addresses").write_text("".join(f"{ip}/24 eth0\n" for ip in self.cluster.public))
            (etc / "ctdb.tunables").write_text("MonitorInterval = 1\n")
            shutil.copy("/etc/ctdb/functions", etc / "functions")
            for name in "00.ctdb", "10.interface":
                (etc / f"events/legacy/{name}.script").symlink_to(f"/usr/share/ctdb/events/legacy/{name}.script")
        (self.base / "etc.samba/smb.conf").write_text(f"""\
[global]
    clustering = yes
    include = registry
    netbios name = RING
    workgroup = TOTEM
    server role = standalone server
    log file = {self.base}/logs/samba.%d
    log level = {self.cluster.samba_log_level}
    max log size = 0
    load printers = no
    printing = bsd
    printcap name = /dev/null
    disable spoolss = yes
    server min protocol = NT1
    client min protocol = NT1
    unix extensions = no
    # What conflicts here must conflict because the cluster says so, not because this is one kernel.
    posix locking = no
    kernel oplocks = no
    # Else who comes to a second node under one name is handed to the first smbd, which another machine cannot do.
    server multi channel support = no
    kernel share modes = no
[share]
    path = {self.cluster.share}
    read only = no
    vfs objects = streams_xattr
""")

    def power_on(self):
        self.machine = Machine(f"node{self.pnn}")
        self.machine.give_directories(self.base)
        self.cluster.plug_in(self.machine, self.pnn)
        self.machine.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self.machine.ip("link", "set", "eth0", "up")

    def power_off(self):
        if self.machine is not None:
            self.machine.power_off([process for process in [self.daemon, self.smbd] if process is not None])
        self.machine = self.daemon = self.smbd = None

    # -- commands

    def inside(self, *command):
        return self.machine.inside(*command)

    def ctdb(self, *arguments, **options):
        return run(self.inside("ctdb", *arguments), **options).stdout

    def net(self, *arguments, **options):
        return run(self.inside("net", *arguments), **options).stdout

    def smbstatus(self, *arguments):
        return run(self.inside("smbstatus", *arguments)).stdout

    def smbclient(self, commands, service="share", **options):
        """Commands of a client elsewhere that is connected to this node."""
        return run(self.cluster.outside.inside("smbclient", f"//{self.address}/{service}", "-U", f"root%{PASSWORD}",
                                               "-c", commands), **options)

    # -- daemons

    def _start(self, name, *command):
        with open(self.base / "logs" / f"{name}.stdout", "a") as output:
            return subprocess.Popen(self.inside(*command), stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def start_daemon(self):
        self.daemon = self._start("ctdb", self.cluster.daemon, "-i")

    def start_smbd(self):
        self.smbd = self._start("smbd", "smbd", "--foreground", "--no-process-group")

    def kill_daemon(self):
        """Its smbd ends by itself."""
        os.kill(only_child(self.daemon.pid), signal.SIGKILL)
        self.daemon.wait(20)

    def restart(self):
        """After its daemon was killed."""
        self.smbd.wait(20)
        self.start_daemon()
        eventually("it sees a healthy cluster", lambda: self.healthy_nodes() == len(self.cluster.nodes))
        self.start_smbd()
        eventually("it serves again", self.serves_smb)

    def pause_daemon(self):
        os.kill(only_child(self.daemon.pid), signal.SIGSTOP)

    def resume_daemon(self):
        os.kill(only_child(self.daemon.pid), signal.SIGCONT)
        os.kill(self.daemon.pid, signal.SIGCONT) # the nsenter before it stops when it does

    def healthy_nodes(self):
        """How many nodes this one sees, if all that it sees are healthy."""
        lines = self.ctdb("-X", "nodestatus", "all", check=False).splitlines()[1:]
        flags = [line.split("|")[3:-2] for line in lines if line.startswith("|")]
        return sum(all(flag == "0" for flag in node) for node in flags)

    def serves_smb(self):
        return self.smbclient("quit", check=False).returncode == 0


class Hand:
    """A client outside that is connected to one node and does one thing at a time (samba_hand.py); `port` is where its
    connection comes from."""

    def __init__(self, node, service="share", address=None):
        self.process = subprocess.Popen(
            node.cluster.outside.inside(PYTHON, Path(__file__).with_name("samba_hand.py"), address or node.address,
                                        service, PASSWORD),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.answer()["port"]

    def begin(self, order, **arguments):
        self.process.stdin.write(json.dumps([order, arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("a client has lost its node")
        return json.loads(line)

    def do(self, order, **arguments):
        self.begin(order, **arguments)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def abandon(self):
        self.process.kill()
        self.process.wait(timeout=20)
        self.process.stdin.close()
        self.process.stdout.close()

    def __exit__(self, *_):
        self.abandon()


class SambaCluster:
    """A context: with it the machines exist, without it nothing of them is left, unless `keep`."""

    def __init__(self, bin_directory, nodes=3, keep=False, samba_log_level=1, public=()):
        self.public = public
        self.bin = Path(bin_directory).resolve()
        self.daemon = os.environ.get("CTDBD", self.bin / "ctdbd")
        self.keep = keep
        self.samba_log_level = samba_log_level
        self.directory = Path(tempfile.mkdtemp(prefix="totem-samba."))
        self.directory.chmod(0o755)
        self.share = self.directory / "share"
        self.key = self.directory / "cluster.key"
        self.outside = None
        self.nodes = []
        for pnn in range(nodes):
            self.nodes.append(Node(self, pnn))

    def __enter__(self):
        try:
            self.share.mkdir(mode=0o777)
            run([self.bin / "totem-keygen", self.key])
            self.outside = Machine("outside")
            (self.directory / "outside/etc.samba").mkdir(parents=True)
            (self.directory / "outside/etc.samba/smb.conf").write_text("[global]\n    client min protocol = NT1\n")
            self.outside.give_directories(self.directory / "outside")
            self.outside.ip("link", "set", "lo", "up")
            self.outside.ip("link", "add", "bridge0", "type", "bridge", "mcast_snooping", "0")
            self.outside.ip("address", "add", "10.78.0.100/24", "dev", "bridge0")
            self.outside.ip("link", "set", "bridge0", "up")
            for node in self.nodes:
                node.write_files()
                node.power_on()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        for node in self.nodes:
            node.power_off()
        if self.outside is not None:
            self.outside.power_off([])
        if self.keep or kind is not None:
            print(f"left behind: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory)

    def plug_in(self, machine, port):
        """A cable from the machine's eth0 to the bridge."""
        run(["nsenter", "--target", self.outside.first, "--net", "ip", "link", "add", f"to{port}", "type", "veth",
             "peer", "name", "eth0", "netns", machine.first])
        self.outside.ip("link", "set", f"to{port}", "master", "bridge0")
        self.outside.ip("link", "set", f"to{port}", "up")
        machine.ip("link", "set", "lo", "up")

    def start(self):
        """Daemons, then Samba, until every node serves."""
        for node in self.nodes:
            node.start_daemon()
        for node in self.nodes:
            eventually(f"node {node.pnn} sees a healthy cluster",
                       lambda node=node: node.healthy_nodes() == len(self.nodes))
        run(self.nodes[0].inside("smbpasswd", "-a", "-s", "root"), input=f"{PASSWORD}\n{PASSWORD}\n")
        for node in self.nodes:
            node.start_smbd()
        for node in self.nodes:
            eventually(f"node {node.pnn} serves SMB", node.serves_smb)
