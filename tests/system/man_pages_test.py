"""The man pages tell of every option of every program, and of every key of totem.conf."""
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(sys.argv[1])
COMMANDS = (["totem-keygen"], ["totem-lock"], ["totemctl"], ["totemctl", "status"], ["totemctl", "locks"], ["totemctl", "top"],
            ["totemctl", "metrics"], ["totem-bench", "ring"])


def page(name):
    return (SOURCE / "docs/man" / name).read_text(encoding="utf-8")


def options_of(command):
    said = subprocess.run([BIN / command[0], *command[1:], "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^ +(?:-\w,)?--([a-z-]+)", said.stdout, re.MULTILINE))


def untold_options():
    for command in COMMANDS:
        found = options_of(command)
        assert "help" in found, f"{command} --help lists no options"
        told = set(re.findall(r"^\.It Fl (?:h , )?-([a-z-]+)", page(command[0] + ".1"), re.MULTILINE))
        for option in sorted(found - told):
            yield f"docs/man/{command[0]}.1 does not tell of --{option}"


def wrong_keys():
    source = (SOURCE / "ctdbd/model/config_totem.cpp").read_text(encoding="utf-8")
    keys = set(re.findall(r'^    {"[a-z]+", "([a-z ]+)"', source, re.MULTILINE))
    assert keys, "no keys found in ctdbd/model/config_totem.cpp"
    told = set(re.findall(r"^\.It Cm ([a-z ]+) No =", page("totem.conf.5"), re.MULTILINE))
    for key in sorted(keys ^ told):
        yield f"'{key}' stands only in " + ("the daemon" if key in keys else "docs/man/totem.conf.5")


wrong = [*untold_options(), *wrong_keys()]
print("\n".join(wrong) or "every option and every key stands in its man page")
sys.exit(1 if wrong else 0)
