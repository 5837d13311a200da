#!/usr/bin/env python3
"""The tokenizer against the `tokenizers` package: training, ids both ways, decoding, code points."""
import os
import sys

tool = os.path.join(os.environ["STRAIT_SOURCE"], "tools", "token", "compare_tokenizers.py")
os.execv(sys.executable, [sys.executable, tool, os.environ["STRAIT"], "--out", "code_points.tsv"])
