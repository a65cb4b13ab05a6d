#!/usr/bin/env python3
"""Real smbd on three nodes, each with a daemon of ours: what an administrator and his users rely on.

usage: samba_test.py DIRECTORY_OF_OUR_PROGRAMS [--keep]

The machines are those of samba_cluster.py. Where they cannot be had the test says so and passes (exit status 77).
"""

import sys
import time

from samba_cluster import (Failed, Hand, SambaCluster, eventually, run, take_right_of_way, what_is_missing, PASSWORD)

SKIPPED = 77
SHARING_VIOLATION = 0xC0000043
# What clients of the other nodes may notice when a node dies: those who work on files of their own, and those who
# share one with a client of the dead. For the latter smbd, too, has to find out who is gone and clean up after them.
STALL_MAX = 1.0
SHARED_STALL_MAX = 2.0


def expect(what, condition, shown=""):
    if not condition:
        raise Failed(f"not so: {what}\n{shown}")


def is_file_shared(cluster):
    """What is put on one node is got on the others, and gone when one removes it."""
    first, second, third = cluster.nodes
    story = cluster.directory / "story"
    story.write_text("a token goes round\n")
    first.smbclient(f"put {story} story.txt")
    for node in [second, third]:
        expect("the file is there", "a token goes round" in node.smbclient("get story.txt -").stdout)
    third.smbclient("rm story.txt")
    gone = first.smbclient("get story.txt -", check=False)
    expect("the file is gone", "NT_STATUS_OBJECT_NAME_NOT_FOUND" in gone.stdout + gone.stderr, gone.stdout)


def share_modes_conflict(cluster):
    first, second, third = cluster.nodes
    with Hand(first) as holder, Hand(second) as other, Hand(third) as another:
        expect("the first opens it for itself", holder.do("hold", name="alone", share=0)["status"] == "ok")
        for hand in [other, another]:
            answer = hand.do("hold", name="alone", share=7)
            expect("others are refused", answer.get("code") == SHARING_VIOLATION, answer)
        holder.do("let_go", name="alone")
        expect("then another may", other.do("hold", name="alone", share=7)["status"] == "ok")
        expect("and one more, for they share", another.do("hold", name="alone", share=7)["status"] == "ok")


def torture(cluster, *arguments):
    """The distribution's own tests; its clients go round the nodes."""
    list_of_nodes = cluster.directory / "nodes.list"
    list_of_nodes.write_text("".join(f"//{node.address}/share\n" for node in cluster.nodes))
    done = run(cluster.outside.inside("smbtorture", f"//{cluster.nodes[0].address}/share", "-U", f"root%{PASSWORD}",
                                      f"--unclist={list_of_nodes}", *arguments), check=False, timeout=90)
    expect(f"smbtorture {' '.join(arguments)} succeeds", done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:])
    return done.stdout


def byte_range_locks_conflict(cluster):
    """LOCK2, 3, 5, 7: two connections, here to two nodes, lock, test and unlock ranges of one file."""
    for test in ["LOCK2", "LOCK3", "LOCK5", "LOCK7"]:
        torture(cluster, f"base.lock.{test}")


def oplocks_are_broken(cluster):
    """A file cached by a client of one node is opened at another: the first is told and writes back."""
    for test in ["exclusive1", "batch1"]:
        torture(cluster, f"raw.oplock.{test}")


def leases_are_broken(cluster):
    """The same with leases; and one whose holder does not answer, and then is gone, is taken away. Of the tests of
    leases that have connections to several nodes, these pass between nodes of the packaged daemon, too."""
    for test in ["complex1", "v2_complex2", "timeout-disconnect"]:
        torture(cluster, f"smb2.lease.{test}")


def registry_is_one(cluster):
    first, second, third = cluster.nodes
    first.net("conf", "setparm", "global", "server string", "one ring")
    for node in [second, third]:
        expect("the setting is seen there", "server string = one ring" in node.net("conf", "list"))
    (cluster.share / "attic").mkdir(mode=0o777)
    third.net("conf", "addshare", "attic", cluster.share / "attic", "writeable=y")
    eventually("a share made on one node is served by the others",
               lambda: second.smbclient("mkdir trunk", service="attic", check=False).returncode == 0)
    expect("it is the same directory", (cluster.share / "attic/trunk").is_dir())
    second.net("conf", "delshare", "attic")
    expect("nor does it outlive its removal", "attic" not in first.net("conf", "list"))


def status_shows_everybody(cluster):
    hands = [Hand(node) for node in cluster.nodes]
    try:
        for pnn, hand in enumerate(hands):
            expect("it opens", hand.do("hold", name=f"opened.on.{pnn}", share=7)["status"] == "ok")
        for node in cluster.nodes:
            shown = node.smbstatus()
            for pnn in range(len(cluster.nodes)):
                expect(f"node {node.pnn} shows the session on node {pnn}", f"\n{pnn}:" in shown, shown)
                expect(f"node {node.pnn} shows the file opened on node {pnn}", f"opened.on.{pnn}" in shown, shown)
    finally:
        for hand in hands:
            hand.end()


def hot_file(cluster):
    """Two clients on each node open and close one file at once; then they take turns at having it alone."""
    hands = [Hand(node) for node in cluster.nodes * 2]
    try:
        for hand in hands:
            hand.begin("open_and_close", name="hot", times=20)
        for hand in hands:
            answer = hand.answer()
            expect("all opens succeed", answer["status"] == "ok", answer)
        count_together(cluster, hands, "hot.counter", times=5)
    finally:
        for hand in hands:
            hand.end()


def start_counter(cluster, name):
    """A file with twenty digits, which clients count in."""
    (cluster.share / name).write_text("0" * 20)


def number_in(cluster, name):
    return int((cluster.share / name).read_text())


def count_together(cluster, hands, name, **how_long):
    start_counter(cluster, name)
    for hand in hands:
        hand.begin("count", name=name, **how_long)
    answers = [hand.answer() for hand in hands]
    for answer in answers:
        expect("counting succeeds", answer["status"] == "ok", answer)
    done = sum(answer["done"] for answer in answers)
    expect("no two had the file at once", number_in(cluster, name) == done,
           f"{number_in(cluster, name)} in the file, {done} counted")
    return answers


def a_killed_node(cluster):
    """The others stall for less than the bound and lose nothing; what its clients held is free.

    Two clients of the survivors work on files of their own, two on a file that a client of the dying node works on.
    """
    first, second, third = cluster.nodes
    hands = [Hand(node) for node in [first, second, first, second, third, third]]
    *survivors, lost, holder = hands
    counters = ["first.counter", "second.counter", "shared.counter", "shared.counter"]
    try:
        for counter in counters:
            start_counter(cluster, counter)
        holder.do("hold", name="held.by.the.dead", share=0)
        refused = survivors[0].do("hold", name="held.by.the.dead", share=7)
        expect("it is held before", refused.get("code") == SHARING_VIOLATION, refused)
        lost.begin("count", name="shared.counter", seconds=60)
        for hand, counter in zip(survivors, counters):
            hand.begin("count", name=counter, seconds=5)
        time.sleep(1.5) # so that it dies in the midst of its work
        third.power_off()
        answers = [hand.answer() for hand in survivors]
        for answer, counter in zip(answers, counters):
            print(f"      {counter}: longest wait {answer['worst'] * 1000:.0f} ms, {answer['done']} rounds")
            expect("counting succeeds", answer["status"] == "ok", answer)
        for answer, counter in zip(answers[:2], counters):
            expect("nothing is lost", number_in(cluster, counter) == answer["done"], answer)
        done = answers[2]["done"] + answers[3]["done"]
        expect("nothing is lost of what is shared", number_in(cluster, "shared.counter") >= done,
               f"{number_in(cluster, 'shared.counter')} in the file, {done} counted by the survivors")
        for answer, bound in zip(answers, [STALL_MAX, STALL_MAX, SHARED_STALL_MAX, SHARED_STALL_MAX]):
            expect(f"nobody waits for more than {bound} s", answer["worst"] < bound, answer)
        eventually("what the dead node's client held is free",
                   lambda: survivors[0].do("hold", name="held.by.the.dead", share=0)["status"] == "ok", patience=5)
        count_together(cluster, survivors, "after.the.kill", times=5)
    finally:
        for hand in hands:
            hand.abandon()


def it_returns(cluster):
    first, second, third = cluster.nodes
    third.power_on()
    third.start_daemon()
    for node in cluster.nodes:
        eventually("all see a healthy cluster again", lambda node=node: node.healthy_nodes() == 3)
    third.start_smbd()
    eventually("it serves again", third.serves_smb)
    expect("it knows what was set before", "server string = one ring" in third.net("conf", "list"))
    with Hand(first) as one, Hand(second) as two, Hand(third) as three:
        count_together(cluster, [one, two, three], "after.the.return", times=5)


def a_paused_node(cluster):
    """For ten seconds its daemon does not run. The others go on; afterwards it is a member as before."""
    first, second, third = cluster.nodes
    with Hand(first) as one, Hand(second) as paused, Hand(third) as two:
        count_together(cluster, [one, paused, two], "paused.counter", times=3)
        second.pause_daemon()
        try:
            answers = count_together(cluster, [one, two], "beside.the.paused", seconds=10)
        finally:
            second.resume_daemon()
        for answer in answers:
            print(f"      longest wait {answer['worst'] * 1000:.0f} ms, {answer['done']} rounds")
        expect("the others went on", all(answer["done"] > 20 for answer in answers), answers)
        for node in cluster.nodes:
            eventually("all see a healthy cluster again", lambda node=node: node.healthy_nodes() == 3)
        before = number_in(cluster, "paused.counter")
        answers = [hand.do("count", name="paused.counter", times=3) for hand in [paused, one, two]]
        expect("clients of all three go on where they were",
               all(answer["status"] == "ok" for answer in answers) and
               number_in(cluster, "paused.counter") == before + 9, answers)


TESTS = [is_file_shared, share_modes_conflict, byte_range_locks_conflict, oplocks_are_broken, leases_are_broken,
         registry_is_one, status_shows_everybody, hot_file, a_killed_node, it_returns, a_paused_node]


def main():
    missing = what_is_missing()
    if missing:
        print(f"SKIPPED, nothing was tested: {missing}")
        return SKIPPED
    take_right_of_way()
    begin = time.monotonic()
    with SambaCluster(sys.argv[1], keep="--keep" in sys.argv) as cluster:
        cluster.start()
        print(f"three nodes serve SMB after {time.monotonic() - begin:.1f} s", flush=True)
        for test in TESTS:
            begin = time.monotonic()
            print(f"  {test.__name__.replace('_', ' ')}", flush=True)
            test(cluster)
            print(f"    passed in {time.monotonic() - begin:.1f} s", flush=True)
    print(f"{len(TESTS)} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
