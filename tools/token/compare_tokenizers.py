"""Compares Strait's tokenizer with the `tokenizers` package: the same merges from training, the same ids both ways.

usage: compare_tokenizers.py STRAIT [--full] [--out LIST] [TEXT...]

TEXT are UTF-8 files to train on and to encode (a built-in sample is always used). Every code point of planes 0 and 1, and
one in 97 of the other planes (--full: all of them), is encoded in contexts that show its class. Code points with
different ids are allowed only where the two programs' Unicode versions differ about them; that is proved for each by
asking both for its class and its normal form, and the list is written to LIST. Anything else is a failure: exit 1.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SAMPLE = [
    "The quick brown fox doesn't jump over 13 lazy dogs; it'll SLEEP. We've   seen\tthat\n\n  before, haven't we?\r\n" * 3,
    "春天来了，花儿开了。小猫在院子里晒太阳，看见一只蝴蝶飞过去。二〇二五年三月，价格是￥１２８.50！" * 3,
    "naïve café Ελληνικά русский текст עברית العربية हिन्दी ภาษาไทย 日本語のテキスト 한국어 텍스트 👩‍👩‍👧 🇩🇪 ﬁ Å",
    "def f(x):\n    return [i**2 for i in range(x)]  # comment\n\n\nclass A:\n\tpass\n" * 3,
]
ADVERSARIAL = [
    "", " ", "  ", "\n", "\r\n", "\r", "\t\t x", " \n \n  \n", "   a", "a   ", "'S 'T 'LL 'Re x'sy", "'ſ it'ſ 'LĿ", "''''s",
    "<|endoftext|>", "a<|im_start|>user\nhi<|im_end|>\n<|endoftext|><|endoftext|>", "<|im_start|", "<|<|im_end|>|>",
    "e\u0301", "\u0301", "a\u0323\u0302\u0301", "\u1e9b\u0323", "\uac00\u11a8", "\u1100\u1161\u11a8", "\u212b\u2126",
    "\u0958\ufb1d", "\u180e x\u180ey", "x\u00a0y\u3000z\u2028\u0085w", "\u200b \u200d\ufeff", "\u0130\u0131 K\u212a",
    "9" * 300, "a" * 3000, " " * 3000 + "x", "\n" * 2000, "中" * 3000, "ab" * 2000 + " " + "xyz" * 700, "-" * 999,
    "".join(chr(0x300 + i % 70) for i in range(500)), "1२٣一１²½Ⅷ", "a\u0000b", "\U0010ffff\ufffe\ufdd0",
]


def byte_alphabet():
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table


def new_tokenizer(pattern=QWEN, behavior="isolated", nfc=True):
    tokenizer = Tokenizer(models.BPE())
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = [pre_tokenizers.Split(Regex(pattern), behavior)] if pattern else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split + [byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


class Comparison:
    def __init__(self, strait, folder):
        self.strait = strait
        self.folder = folder
        self.failures = 0

    def check(self, name, good, why=""):
        print(("ok " if good else "FAIL ") + name + ("" if good else " " + why), flush=True)
        self.failures += not good

    def run(self, *args, data=b""):
        return subprocess.run([self.strait, "tokenizer", *args], input=data, check=True, stdout=subprocess.PIPE).stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def ours(self, tokenizer, texts):
        """Ids of texts by Strait; those with zero bytes one at a time."""
        plain = [t for t in texts if "\0" not in t]
        lines = iter(self.run("encode", tokenizer, "--null", data="".join(t + "\0" for t in plain).encode())
                     .decode().split("\n"))
        return [json.loads(self.run("encode", tokenizer, "--json", data=t.encode())) if "\0" in t
                else [int(i) for i in next(lines).split()] for t in texts]

    def write(self, name, tokenizer, vocab=None, merges=None, change=None):
        """Saves a tokenizer of the package, with another model where given; returns the path."""
        data = json.loads(tokenizer.to_str())
        if vocab is not None:
            data["model"]["vocab"], data["model"]["merges"] = vocab, merges
        if change:
            change(data)
        with open(self.path(name), "w", encoding="utf-8") as f:
            json.dump(data, f)
        return self.path(name)

    def same_ids(self, name, path, texts):
        theirs = Tokenizer.from_file(path)
        ours = self.ours(path, texts)
        wrong = []
        for text, ids in zip(texts, ours):
            expected = theirs.encode(text).ids
            if ids != expected:
                wrong.append((text[:60], ids[:20], expected[:20]))
        self.check(f"{name} ({len(texts)} texts)", not wrong, str(wrong[:3]))

    def same_text(self, name, path, texts):
        theirs = Tokenizer.from_file(path)
        wrong = []
        for text in texts:
            ids = theirs.encode(text).ids
            ours = self.run("decode", path, data=json.dumps(ids).encode()).decode("utf-8", errors="replace")
            if ours != theirs.decode(ids, skip_special_tokens=False):
                wrong.append((text[:60], ours[:60]))
        self.check(f"{name} ({len(texts)} texts)", not wrong, str(wrong[:3]))


def training(c, texts):
    files = []
    for i, text in enumerate(texts):
        files.append(c.path(f"corpus{i:03}.txt"))
        with open(files[-1], "w", encoding="utf-8", newline="") as f:
            f.write(text)
    c.run("train", *files, "--vocab-size", "2000", "--out", c.path("ours"))
    theirs = new_tokenizer()
    theirs.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=2000, special_tokens=SPECIAL, show_progress=False,
                                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    theirs.save(c.path("theirs.json"))
    with open(c.path("ours/tokenizer.json"), encoding="utf-8") as f:
        a = json.load(f)["model"]
    b = json.loads(theirs.to_str())["model"]
    c.check("training gives the same tokens", a["vocab"] == b["vocab"])
    c.check("training gives the same merges", [list(m) for m in a["merges"]] == [list(m) for m in b["merges"]])

    def as_strings(data):
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    strings = c.write("strings.json", theirs, change=as_strings)
    hashes = {json.loads(c.run("info", p, "--json"))["hash"]
              for p in (c.path("ours"), c.path("theirs.json"), strings)}
    c.check("one hash for one meaning", len(hashes) == 1, str(hashes))


def random_texts(count):
    rng = random.Random(7)
    pieces = ["a", "B", "é", "e\u0301", " ", "  ", "\n", "\r", "\t", "'s", "'LL", "中", "文", "。", "1", "٣", "!", "...",
              "👍", "\u200d", "\u3000", "ß", "<|im_end|>", "<|", "한", "\u0323", "\u0301", "-", "ſ", "'"]
    return ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 60))) for _ in range(count)]


def boundary_tokenizer(c):
    """Joins bytes across every boundary that a split could make, so that ids show each class."""
    table = byte_alphabet()
    vocab = {table[i]: i for i in range(256)}
    merges = []
    for x in b"a1 \n!'":
        for y in range(0x80, 0xf5):
            pair = (x, y) if y >= 0xc2 else (y, x) if y < 0xc0 else None
            if pair:
                merges.append([table[pair[0]], table[pair[1]]])
                vocab[table[pair[0]] + table[pair[1]]] = len(vocab)
    return c.write("boundary.json", new_tokenizer(), vocab, merges)


def context(code):
    ch = chr(code)
    return f"a{ch}a1{ch}1 {ch} !{ch}!\n{ch}\n  {ch}  a'{ch}xe{ch}\u0301{ch}"


def classes(c, codes):
    """What each program says about code points: a string of L, N, s and - (unassigned) for each."""
    table = byte_alphabet()
    vocab = {table[i]: i for i in range(256)}
    ours, theirs = [""] * len(codes), [""] * len(codes)
    for letter, pattern in (("L", r"\p{L}"), ("N", r"\p{N}"), ("s", r"\s"), ("-", r"\p{Cn}")):
        probe = new_tokenizer(pattern, "removed", nfc=False)
        path = c.write("probe.json", probe, vocab, [])
        for i, ids in enumerate(c.ours(path, [chr(code) for code in codes])):
            ours[i] += letter if not ids else ""
        for i, code in enumerate(codes):
            theirs[i] += letter if not probe.pre_tokenizer.pre_tokenize_str(chr(code)) else ""
    return ours, theirs


def normal_forms(c, texts):
    """NFC of texts by Strait: ids of a tokenizer without merges are bytes."""
    table = byte_alphabet()
    path = c.write("nfc.json", new_tokenizer(None), {table[i]: i for i in range(256)}, [])
    return [bytes(ids).decode() for ids in c.ours(path, texts)]


def code_points(c, full, out):
    codes = [code for code in range(1, 0x110000) if not 0xd800 <= code < 0xe000
             and (full or code >> 16 < 2 or code % 97 == 0)]
    path = boundary_tokenizer(c)
    theirs = Tokenizer.from_file(path)
    different = []
    for start in range(0, len(codes), 50000):
        part = codes[start:start + 50000]
        ours = c.ours(path, [context(code) for code in part])
        for code, ids in zip(part, ours):
            if ids != theirs.encode(context(code)).ids:
                different.append(code)
    ours, others = classes(c, different)
    forms = normal_forms(c, [context(code) for code in different])
    unexplained, lines = [], []
    for code, a, b, form in zip(different, ours, others, forms):
        # Characters never change their normal form after they were assigned, so a form is right where it is that of
        # any Unicode version that knows the character; Python's is the third opinion.
        known = unicodedata.category(chr(code)) != "Cn"
        form_right = not known or form == unicodedata.normalize("NFC", context(code))
        form_differs = form != normalizers.NFC().normalize_str(context(code))
        if not (("-" in a) != ("-" in b) or (form_differs and form_right)):
            unexplained.append(f"U+{code:04X} strait '{a}' tokenizers '{b}'")
        why = "assigned in one only" if ("-" in a) != ("-" in b) else "normal form"
        lines.append(f"U+{code:04X}\t{a or 'other'}\t{b or 'other'}\t{why}\n")
    if out:
        with open(out, "w", encoding="utf-8") as f:
            f.write("code point\tstrait\ttokenizers\twhy\n")
            f.writelines(lines)
    versions = json.loads(c.run("info", path, "--json"))["unicode"]
    c.check(f"code points: {len(codes)} compared, {len(different)} differ, all between Unicode versions ({versions})",
            not unexplained, f"{len(unexplained)} unexplained: {unexplained[:10]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strait")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("texts", nargs="*")
    args = parser.parse_intermixed_args()
    texts = list(SAMPLE)
    for name in args.texts:
        with open(name, encoding="utf-8", newline="") as f:
            texts.append(f.read()[:400000])
    with tempfile.TemporaryDirectory() as folder:
        c = Comparison(os.path.abspath(args.strait), folder)
        training(c, texts)
        every = texts + ADVERSARIAL + random_texts(2000)
        c.same_ids("a tokenizer trained here opens there", c.path("ours/tokenizer.json"), every)
        c.same_ids("a tokenizer trained there opens here", c.path("theirs.json"), every)
        c.same_text("decoding gives the same text", c.path("theirs.json"), texts + ADVERSARIAL)
        code_points(c, args.full, args.out)
    sys.exit(1 if c.failures else 0)


if __name__ == "__main__":
    main()
