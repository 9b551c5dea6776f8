#!/usr/bin/env python3
"""Writes tiny_merges.txt and tiny_ids.jsonl: a made-up vocabulary in CLIP's file format, and the ids of some
texts under it, by the plain method (rescan the word for the pair of lowest rank) in Python.

    python3 tests/golden/tokenizer/make_tiny.py tests/golden/tokenizer

The merges are learned here from the sentences below.  The texts need no cleaning but lower case.
"""
import json, random, sys, unicodedata

CORPUS = """a person who is smiling a person who is angry a person raising the left eyebrow the woman with long
hair is laughing the mouth is open the eyes are closed she is surprised he is frowning a smiling face an angry
face with curly black hair and a beard smiling smiling raising raising closing closing 2023 2024 1st 2nd :) :-)
!!! ... don't they're it's we've I'll banana abababab aaaaaaaa é è ü 你好 你们 привет при 😀 😁""".split()

def alphabet():
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in own]
    return {b: chr(b) for b in own} | {b: chr(256 + i) for i, b in enumerate(rest)}

BYTES = alphabet()

def kind(c):
    return " " if c.isspace() else "L" if unicodedata.category(c)[0] == "L" else "N" if unicodedata.category(c)[0] == "N" else "o"

def words(text):
    i, out = 0, []
    while i < len(text):
        fixed = [w for w in ["<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"] 
                 if text.replace("\u017f", "s").startswith(w, i)]      # the pattern ignores case: long s is an s
        j = i + (len(fixed[0]) if fixed else 1)
        while not fixed and kind(text[i]) in "Lo" and j < len(text) and kind(text[j]) == kind(text[i]):
            j += 1
        if kind(text[i]) != " ":
            out.append(text[i:j])
        i = j
    return out

def symbols(word):
    s = [BYTES[b] for b in word.encode()]
    return s[:-1] + [s[-1] + "</w>"]

def join(s, pair):
    out, i = [], 0
    while i < len(s):
        n = 2 if tuple(s[i:i + 2]) == pair else 1
        out.append("".join(s[i:i + n]))
        i += n
    return out

def learn(n):
    text = [symbols(w) for t in CORPUS for w in words(t.lower())]
    merges = []
    while len(merges) < n:
        count = {}
        for s in text:
            for pair in zip(s, s[1:]):
                count[pair] = count.get(pair, 0) + 1
        made = {a + b for a, b in merges}
        count = {p: c for p, c in count.items() if p[0] + p[1] not in made}
        pair = min(count, key=lambda p: (-count[p], p))
        merges.append(pair)
        text = [join(s, pair) for s in text]
    return merges

def encode(text, merges):
    rank = {p: i for i, p in enumerate(merges)}
    table = list(BYTES.values())
    vocabulary = table + [c + "</w>" for c in table] + [a + b for a, b in merges]
    vocabulary = {s: i for i, s in enumerate(vocabulary + ["<|startoftext|>", "<|endoftext|>"])}
    ids = []
    for w in words(text.lower()):
        if w in ("<|startoftext|>", "<|endoftext|>"):
            ids.append(vocabulary[w])
            continue
        s = symbols(w)
        while known := [p for p in zip(s, s[1:]) if p in rank]:
            s = join(s, min(known, key=rank.get))
        ids += [vocabulary[x] for x in s]
    return ids

def main(folder):
    merges = learn(120)
    with open(folder + "/tiny_merges.txt", "w") as f:
        f.write('"made-up vocabulary for tests #version: 1\n' + "".join("%s %s\n" % m for m in merges))
    rng = random.Random(7)
    texts = ["", "A person who is smiling", "a person raising the RIGHT eyebrow", "don't they're it's we've i'll he'd i'm 'tis",
             "2023 was 1st!", ":) :-) !!!...", "你好 привет 😀😁", "a<|endoftext|>b <|startoftext|>", "</w> <|end", "naïve café", "it'\u017ft <|\u017ftartoftext|>"]
    texts += ["".join(rng.choice("ab") for _ in range(n)) for n in (2, 3, 5, 8, 13, 21, 34, 55)]
    texts += ["a" * n for n in (1, 2, 3, 7, 16, 33)]
    texts += ["".join(rng.choice("aeioungsrlmh ") for _ in range(60)).strip() for _ in range(12)]
    texts += ["".join(rng.choice("ab'st1!é你 ") for _ in range(40)).strip() for _ in range(12)]
    with open(folder + "/tiny_ids.jsonl", "w") as f:
        for t in texts:
            t = " ".join(t.split())
            f.write(json.dumps({"text": t, "ids": encode(t, merges)}) + "\n")

main(sys.argv[1])
