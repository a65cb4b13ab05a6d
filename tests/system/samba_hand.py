"""An SMB client that does what it is told, one line of JSON after the other, and answers each with one line.

It runs on a machine outside the cluster (samba_cluster.py starts it there) with the distribution's Samba bindings for
Python. An answer has "status": "ok" or the server's NTSTATUS.
"""

import json
import os
import socket
import sys
import time

from samba import NTSTATUSError, credentials
from samba.samba3 import libsmb_samba_internal as libsmb, param

READ, WRITE = 0x00120089, 0x00120116  # FILE_GENERIC_READ, FILE_GENERIC_WRITE
OPEN, OPEN_IF = 1, 3
SHARING_VIOLATION = 0xC0000043


class Hand:
    def __init__(self, address, service, password):
        context = param.get_context()
        context.load("/etc/samba/smb.conf")
        creds = credentials.Credentials()
        creds.guess(context)
        creds.set_username("root")
        creds.set_password(password)
        self.connect = lambda: libsmb.Conn(address, service, lp=context, creds=creds)
        self.connection = self.connect()
        self.held = {}

    def port(self):
        """Of the one TCP connection that this process has."""
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                with socket.socket(fileno=os.dup(int(descriptor))) as connection:
                    return connection.getsockname()[1]
            except (OSError, IndexError):
                pass
        return None

    def _open(self, name, share):
        return self.connection.create(Name=name, DesiredAccess=READ | WRITE, ShareAccess=share,
                                      CreateDisposition=OPEN_IF)

    def hold(self, name, share):
        self.held[name] = self._open(name, share)

    def let_go(self, name):
        self.connection.close(self.held.pop(name))

    def open_and_close(self, name, times):
        """A shared file, again and again; the longest that one round took, in seconds."""
        worst = 0.0
        for _ in range(times):
            begin = time.monotonic()
            self.connection.close(self._open(name, share=7))
            worst = max(worst, time.monotonic() - begin)
        return {"worst": worst}

    def ride(self, name, seconds):
        """Opens and closes, and connects again when the connection is gone; the longest wait between two that went well."""
        done = after = reconnects = 0
        worst, begin = 0.0, time.monotonic()
        last = begin
        while time.monotonic() < begin + seconds:
            try:
                if self.connection is None:
                    self.connection = self.connect()
                    reconnects += 1
                self.connection.close(self._open(name, share=7))
            except NTSTATUSError:
                self.connection = None
                continue
            done, after = done + 1, after + (reconnects > 0)
            now = time.monotonic()
            worst, last = max(worst, now - last), now
        return {"done": done, "after": after, "reconnects": reconnects, "worst": worst}

    def count(self, name, times=None, seconds=None):
        """Adds one to the twenty digits in a file, that often or for that long; nobody else may have it open."""
        done, worst, begin = 0, 0.0, time.monotonic()
        last = begin
        while done < times if times is not None else time.monotonic() < begin + seconds:
            try:
                file = self._open(name, share=0)
            except NTSTATUSError as refused:
                if refused.args[0] != SHARING_VIOLATION:
                    raise
                continue
            number = int(self.connection.read(file, 0, 20))
            self.connection.write(file, b"%020d" % (number + 1), 0)
            self.connection.close(file)
            done += 1
            now = time.monotonic()
            worst, last = max(worst, now - last), now
        return {"done": done, "worst": worst}


def main():
    address, service, password = sys.argv[1:]
    hand = Hand(address, service, password)
    print(json.dumps({"status": "ok", "port": hand.port()}), flush=True)
    for line in sys.stdin:
        order, arguments = json.loads(line)
        try:
            answer = {"status": "ok", **(getattr(hand, order)(**arguments) or {})}
        except NTSTATUSError as refused:
            answer = {"status": refused.args[1], "code": refused.args[0]}
        print(json.dumps(answer), flush=True)


main()
