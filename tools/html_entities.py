#!/usr/bin/env python3
"""Writes engine/io/html_entities.inc: HTML5's named character references as a sorted C table.

    python3 tools/html_entities.py > engine/io/html_entities.inc

The facts are those of Python's html.entities.html5, which holds the list of the HTML standard,
section "Named character references".  E(name, a, b): `&name;` stands for code point a, then b
unless b is 0.  O(...) is one of the old names that also count without the semicolon.
"""
from html.entities import html5

print("/* Named character references of HTML5, sorted by name (ASCII order).  E(name, a, b): `&name;` is code point a,\n"
      " * then b unless 0; O: also without the semicolon.  Written by tools/html_entities.py from the standard's list. */")
line = ""
for name in sorted(n[:-1] for n in html5 if n.endswith(";")):
    value = [ord(c) for c in html5[name + ";"]]
    assert len(value) <= 2 and html5.get(name, html5[name + ";"]) == html5[name + ";"]
    entry = '%s("%s",0x%X,%s)' % ("O" if name in html5 else "E", name, value[0], "0x%X" % value[1] if len(value) > 1 else "0")
    if len(line) + len(entry) > 150:
        print(line)
        line = ""
    line += entry
print(line)
