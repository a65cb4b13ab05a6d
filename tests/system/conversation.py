"""Conversations with the ctdb tool, as text: what is asked stands flush left ("0$ status" asks node 0), what was
answered below it, indented, an empty line as a dot. Lines that begin with # are for the reader. See tool.txt.

Words that differ from run to run are made equal before they are compared: addresses and directories always, numbers
of the kinds that blurred() names."""

import os
import re
import shlex


def asked_in(text):
    """Pairs of the command line and the answer that is written below it, with the lines for the reader kept."""
    lines, exchanges = text.splitlines(), []
    for line in lines:
        if line.startswith("  "):
            exchanges[-1][1].append(line)
        else:
            exchanges.append((line, []))
    return exchanges


def is_question(line):
    return re.match(r"\d\$ ", line) is not None


def blurred(text, cluster):
    """As lines."""
    text = text.replace(str(cluster.directory), "DIR")
    for node in cluster:
        text = re.sub(rf"{re.escape(node.address)} *", f"ADDRESS{node.pnn} ", text)
    text = re.sub(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", "DATE", text)
    for pattern in r"(?<=Generation:)\d+", r"(?<=rsn: )\d+", r"(?<=time=)0\.\d{6}", r"(?<=\(000 )00:\d\d:\d\d", \
            r"(?<=failover: )\d+\.\d{6}", r"(?<=MIN/AVG/MAX     )[\d.]+/[\d.]+/[\d.]+(?= sec out of [1-9])":
        text = re.sub(pattern, "N", text)
    return [line.rstrip() for line in text.splitlines()]


def ask(question, cluster):
    """The answer, as lines of the conversation."""
    words, _, input = question[3:].partition(" <<< ")
    input = input.encode().decode("unicode_escape") if input else None
    result = cluster[int(question[0])].ctdb(*shlex.split(words), input=input)
    lines = blurred(result.out, cluster)
    if result.code != 0:
        lines.append(f"exit {result.code}")
    lines += [f"err {line}" for line in blurred(result.err, cluster) if line]
    return [f"  {line or '.'}" for line in lines]


def hold(path, cluster, blur_answer=lambda question, lines: lines):
    """Asks all that the file asks; returns what was answered otherwise than it says, as text."""
    exchanges = [(line, said, blur_answer(line, ask(line, cluster)) if is_question(line) else said)
                 for line, said in asked_in(path.read_text())]
    if os.environ.get("REWRITE"):
        path.write_text("".join("\n".join([line, *answer]) + "\n" for line, _, answer in exchanges))
        return ""
    return "\n".join("\n".join([line, "  -- expected", *said, "  -- answered", *answer])
                     for line, said, answer in exchanges if said != answer)
