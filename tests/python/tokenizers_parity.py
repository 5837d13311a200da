#!/usr/bin/env python3
"""A sample of tools/token/parity.py: ids and text against the packages `tokenizers` and `sentencepiece`."""
import os
import sys

tool = os.path.join(os.environ["STRAIT_SOURCE"], "tools", "token", "parity.py")
os.execv(sys.executable, [sys.executable, tool, os.environ["STRAIT"], "--strings", "600"])
