#!/usr/bin/env python3
"""Speed of Strait's tokenizer and of the `tokenizers` package on the same text, in turn; medians of ROUNDS.

usage: tokenizer.py STRAIT [--vocab-size 16000] [--rounds 3] [--threads 2] TEXT...

Encoding is on one thread on both sides. For the package only encode() is timed. For Strait the time is that of the whole
program (start, reading tokenizer.json, encoding, printing the ids) less that of the same on an empty text, so that
printing is on our side of the scale. Training is timed as a whole on both sides, with the text in files for us and in
memory for the package, and must give the same merges. Exit 1 where a target of the project is missed: encoding at least
5 times as fast per thread, training at least as fast.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def run(*command, data=None):
    subprocess.run(command, input=data, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strait")
    parser.add_argument("--vocab-size", type=int, default=16000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("texts", nargs="+")
    args = parser.parse_intermixed_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    import tokenizers
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
               r"|\s+(?!\S)|\s+")
    texts = []
    for name in args.texts:
        with open(name, encoding="utf-8", newline="") as f:
            texts.append(f.read())
    size = sum(len(t.encode()) for t in texts)

    def train_theirs():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
            vocab_size=args.vocab_size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
        return tokenizer

    with tempfile.TemporaryDirectory() as folder:
        ours = os.path.join(folder, "ours")

        def train_ours():
            run(args.strait, "tokenizer", "train", *args.texts, "--vocab-size", str(args.vocab_size), "--threads",
                str(args.threads), "--out", ours)

        training = {"strait": [], "tokenizers": []}
        encoding = {"strait": [], "tokenizers": []}
        theirs = None
        for _ in range(args.rounds):
            training["strait"].append(timed(train_ours)[0])
            seconds, theirs = timed(train_theirs)
            training["tokenizers"].append(seconds)
        with open(os.path.join(ours, "tokenizer.json"), encoding="utf-8") as f:
            same = json.load(f)["model"]["merges"] == [list(m) for m in json.loads(theirs.to_str())["model"]["merges"]]
        whole = "".join(texts)
        data = whole.encode()
        for _ in range(args.rounds):
            start = timed(lambda: run(args.strait, "tokenizer", "encode", ours, data=b""))[0]
            encoding["strait"].append(timed(lambda: run(args.strait, "tokenizer", "encode", ours, data=data))[0] - start)
            encoding["tokenizers"].append(timed(lambda: theirs.encode(whole))[0])

    print(f"{size / 1e6:.1f} MB of text, vocabulary of {args.vocab_size}, tokenizers {tokenizers.__version__}, "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':24}{'strait':>12}{'tokenizers':>12}{'ratio':>8}")
    good = same
    for name, table, wanted in (("training, " + f"{args.threads} threads, s", training, 1),
                                ("encoding, 1 thread, s", encoding, 5)):
        a, b = (statistics.median(table[key]) for key in ("strait", "tokenizers"))
        print(f"{name:24}{a:12.2f}{b:12.2f}{b / a:8.1f}" + ("" if b / a >= wanted else f"  below {wanted}"))
        good = good and b / a >= wanted
    print(f"{'encoding, MB/s':24}" + "".join(f"{size / 1e6 / statistics.median(encoding[key]):12.2f}"
                                            for key in ("strait", "tokenizers")))
    print("same merges" if same else "DIFFERENT merges")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
