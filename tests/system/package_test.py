"""The Debian packages on a machine that has Samba's: installed, started, used to build a program, removed again; the packaged
ctdbd is there before and after. The machine is this one's files under a layer that goes away with the test."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from cluster import wait_until

SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = SOURCE / "build/release/packages"
NAMES = ("totem-ctdb", "totem-tools", "libtotem1", "libtotem-dev")
PROGRAM = """#include <totem.h>
#include <stdio.h>
int main(void) { printf("%zu\\n", totem_message_size_max()); return 0; }
"""


def packages():
    return {name: next(PACKAGES.glob(f"{name}_*.deb")) for name in NAMES}


class Machine:
    """A root file system of our own: writes go to a layer in memory, mounts and processes end with it."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="totem-machine.")
        script = (f"mount -t tmpfs layer {self.base} && cd {self.base} && mkdir upper work root && "
                  f"mount -t overlay machine -o lowerdir=/,upperdir={self.base}/upper,workdir={self.base}/work {self.base}/root && "
                  f"mount -t proc proc root/proc && mount --rbind /dev root/dev && "
                  f"mount -t tmpfs tmp root/tmp && mount -t tmpfs run root/run && mkdir -p root/run/ctdb && "
                  f"ip link set lo up && cp {' '.join(map(str, packages().values()))} root/tmp && echo ready && exec sleep infinity")
        self.init = subprocess.Popen(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", script],
                                     stdout=subprocess.PIPE, text=True)
        if self.init.stdout.readline() != "ready\n":
            self.close()
            raise unittest.SkipTest("no layered root file system can be had here (namespaces, overlayfs, root)")
        self.pid = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.init.pid)], capture_output=True, text=True, check=True).stdout)

    def close(self):
        self.init.kill()  # and with it, by --kill-child, all that runs there
        self.init.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def run(self, command, check=True):
        """A shell command on that machine; what it said, and its exit status."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "chroot", f"{self.base}/root", "sh", "-c", command],
                              capture_output=True, text=True, env=environment, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        cls.machine = Machine()

    @classmethod
    def tearDownClass(cls):
        cls.machine.close()

    def install(self, *names):
        self.machine.run(f"dpkg -i {' '.join(f'/tmp/{packages()[name].name}' for name in names)}")

    def test_1_contents(self):
        """Each package owns what it should, documents itself, and depends on what its programs link."""
        for name, package in packages().items():
            files = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
            self.assertIn(f"./usr/share/doc/{name}/copyright", files)
            self.assertIn(f"./usr/share/doc/{name}/changelog.gz", files)
            self.assertNotIn(str(SOURCE), files)
        depends = subprocess.run(["dpkg-deb", "-f", packages()["totem-ctdb"], "Depends"], capture_output=True, text=True, check=True).stdout
        for needed in ("ctdb", "totem-tools", "libtdb1", "libsodium23", "libc6"):
            self.assertIn(needed, depends)

    def test_2_lintian(self):
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        for package in packages().values():
            done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", package], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_3_life(self):
        run = self.machine.run
        before = run("sha256sum </usr/sbin/ctdbd").stdout
        self.install(*NAMES)
        ours = run("sha256sum </usr/sbin/ctdbd").stdout
        self.assertNotEqual(ours, before)
        self.assertEqual(run("sha256sum </usr/sbin/ctdbd.distrib").stdout, before)
        self.assertEqual(run("ctdbd --help").stdout.splitlines()[0], "The CTDB cluster daemon, on virtual synchrony.")
        self.serve()
        self.build_a_program()
        for page in ("7 totem-ctdbd", "5 totem.conf", "1 totemctl", "1 totem-lock", "1 totem-keygen", "1 totem-bench", "3 libtotem"):
            section, name = page.split()
            run(f"test -s /usr/share/man/man{section}/{name}.{section}.gz")
        # Reinstalling, as an upgrade does, keeps the diversion; removal gives the packaged daemon its place back.
        self.install("totem-ctdb")
        self.assertEqual(run("sha256sum </usr/sbin/ctdbd.distrib").stdout, before)
        run("dpkg -r totem-ctdb")
        self.assertEqual(run("sha256sum </usr/sbin/ctdbd").stdout, before)
        self.assertNotEqual(run("test -e /usr/sbin/ctdbd.distrib", check=False).returncode, 0)
        self.assertEqual(run("dpkg-divert --list '*ctdbd*'").stdout, "")
        run("dpkg -P totem-ctdb")
        run("dpkg -r libtotem-dev libtotem1 totem-tools")
        self.assertEqual(run("dpkg --audit").stdout, "")
        self.assertNotEqual(run("test -e /usr/bin/totemctl", check=False).returncode, 0)

    def serve(self):
        """The command of ctdb.service, the packaged tool, our tool, and the stop that the service makes."""
        run = self.machine.run
        run("echo 127.0.0.1 >/etc/ctdb/nodes; totem-keygen /etc/ctdb/totem.key")
        run("printf '[ring]\\n    key file = /etc/ctdb/totem.key\\n    new identity = yes\\n' >/etc/ctdb/totem.conf")
        command = run("sed -n 's/^ExecStart=//p' /lib/systemd/system/ctdb.service").stdout.strip()
        run(command)
        wait_until(lambda: run("ctdb status", check=False).returncode == 0, lambda: run("tail /var/log/log.ctdb", check=False).stdout)
        self.assertIn("pnn:0 127.0.0.1", run("ctdb status").stdout)
        wait_until(lambda: json.loads(run("totemctl status --json").stdout)["component phase"] == "active", "it never serves")
        self.assertIn('totem_members{node="0"} 1', run("totemctl metrics").stdout)
        self.assertIn("per second", run("totemctl top --count 1 --interval 0.1").stdout)
        run("totemctl metrics --out /tmp/totem.prom && grep -q '^totem_serving{node=\"0\"} 1$' /tmp/totem.prom")
        run("ctdb shutdown")
        wait_until(lambda: run("ctdb status", check=False).returncode != 0, "it does not stop")

    def build_a_program(self):
        run = self.machine.run
        (Path(self.machine.base) / "program.c").write_text(PROGRAM)
        run("mkdir -p /tmp/program")
        run(f"cat >/tmp/program/program.c <<'E'\n{PROGRAM}E")
        run("cd /tmp/program && cc -o by_pkg_config program.c $(pkg-config --cflags --libs totem) && ./by_pkg_config")
        run("cd /tmp/program && printf 'cmake_minimum_required(VERSION 3.25)\\nproject(program C)\\nfind_package(totem 0.1 REQUIRED)\\n"
            "add_executable(by_cmake program.c)\\ntarget_link_libraries(by_cmake totem::totem)\\n' >CMakeLists.txt && "
            "cmake -B build >/dev/null && cmake --build build >/dev/null && build/by_cmake")

    def test_4_unit(self):
        """What is added to ctdb.service is understood by systemd."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        done = self.machine.run("systemd-analyze verify ctdb.service", check=False)
        self.assertNotIn("10-totem.conf", done.stdout + done.stderr)
        self.assertNotIn("Unknown", done.stdout + done.stderr)

    def test_5_completions(self):
        """The completions know every option that the programs do."""
        for name in ("totemctl", "totem-lock", "totem-keygen", "totem-bench"):
            text = (SOURCE / "packaging/completions" / name).read_text()
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)
            verbs = {"totemctl": ("status", "locks", "top", "metrics"), "totem-bench": ("ring",)}.get(name, ())
            for words in [(), *[(verb,) for verb in verbs]]:
                said = subprocess.run([Path(sys.argv[1]) / name, *words, "--help"], capture_output=True, text=True, check=True).stdout
                for word in said.split():
                    if word.startswith("--") and len(word) > 2 and said.find(f"  {word}") >= 0:
                        self.assertIn(word.split("=")[0], text, f"{name} {words}")


if __name__ == "__main__":
    subprocess.run([SOURCE / "scripts/package", "--quiet"], check=True)
    unittest.main(argv=sys.argv[:1], verbosity=2)
