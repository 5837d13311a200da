#!/usr/bin/env python3
"""Breaks each rule of tools/check_layers once, in memory, and looks for the rule that must notice and the place it must
name. Prints "ok NAME" or "FAIL NAME why"; exit status 1 if any failed."""
import importlib.machinery
import importlib.util
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("check_layers", os.path.join(ROOT, "tools", "check_layers"))
spec = importlib.util.spec_from_loader("check_layers", loader)
law = importlib.util.module_from_spec(spec)
loader.exec_module(law)

# name, rule that must fail, file that is appended to (or made), text; the message must name the file.
BREAKS = [
    ("upwards", "layers", "src/graph/graph.c", '#include "train/engine.h"'),
    ("upwards-to-the-ops", "layers", "src/graph/backward.c", '#include "ops/rules.h"'),
    ("upwards-from-the-waist", "layers", "src/device/device.c", '#include "graph/graph.h"'),
    ("below-the-public-headers", "layers", "cli/main.c", '#include "base/memory.h"'),
    ("across-backends", "layers", "backends/opencl/opencl_device.c", '#include "backends/cpu/cpu.h"'),
    ("below-the-plugin-header", "layers", "backends/opencl/opencl_queue.c", '#include "base/status.h"'),
    ("beside-the-plugin-header", "layers", "backends/opencl/opencl_queue.c", "#include <strait/status.h>"),
    ("vendor-of-a-plugin", "foreign-headers", "backends/opencl/opencl_queue.c", "#include <CL/cl.h>"),
    ("above-the-waist-from-a-backend", "layers", "backends/cpu/driver.c", '#include "ops/op_def.h"'),
    ("into-a-backend", "layers", "src/train/engine.c", '#include "backends/cpu/cpu.h"'),
    ("from-a-check", "layers", "ops/swiglu/swiglu.check.c", '#include "train/engine.h"'),
    ("a-kernel-in-a-check", "layers", "ops/swiglu/swiglu.check.c", '#include "backends/cpu/kernels/kernel.h"'),
    ("by-another-path", "layers", "src/base/hash.c", '#include "../train/engine.h"'),
    ("in-angle-brackets", "layers", "src/base/hash.c", "#include <train/engine.h>"),
    ("with-spaces", "layers", "src/base/hash.c", '  #  include   "train/engine.h"'),
    ("over-two-lines", "layers", "src/base/hash.c", '#include \\\n"train/engine.h"'),
    ("behind-a-comment", "layers", "src/base/hash.c", '/* why */ #include "train/engine.h"'),
    ("by-macro", "layers", "src/base/hash.c", '#define WHAT "train/engine.h"\n#include WHAT'),
    ("nothing", "layers", "src/base/hash.c", '#include "base/nowhere.h"'),
    ("new-folder", "layers", "src/extra/extra.c", "int extra;"),
    ("new-top-level-folder", "layers", "lib/extra.c", "int extra;"),
    ("new-backend", "layers", "backends/extra/extra.c", "int extra;"),
    ("file-in-the-root", "layers", "extra.c", "int extra;"),
    ("another-language", "layers", "src/base/extra.cpp", "int extra;"),
    ("vendor", "foreign-headers", "src/train/engine.c", "#include <cuda_runtime.h>"),
    ("vendor-compiler", "foreign-headers", "backends/cpu/driver.c", "#include <nvrtc.h>"),
    ("server", "foreign-headers", "src/train/run_loop.c", "#include <microhttpd.h>"),
    ("terminal", "foreign-headers", "src/train/run_report.c", "#include <termios.h>"),
    ("loader-in-a-model", "foreign-headers", "src/model/qwen3.c", "#include <dlfcn.h>"),
    ("vectors-outside-the-backend", "foreign-headers", "src/base/math64.c", "#include <immintrin.h>"),
    ("vectors-in-an-op", "foreign-headers", "ops/swiglu/swiglu.c", "#include <immintrin.h>"),
    ("json-below-the-waist", "foreign-headers", "src/device/device.c", "#include <jansson.h>"),
    ("allocation-in-a-kernel", "foreign-headers", "backends/cpu/kernels/norm.c", "#include <stdlib.h>"),
    ("system-in-a-public-header", "foreign-headers", "include/strait/train.h", "#include <stdio.h>"),
    ("assert-header", "foreign-headers", "src/base/pool.c", "#include <assert.h>"),
    ("print", "bans", "src/train/run_loop.c", 'void f(void) { printf("x"); }'),
    ("print-to-stderr", "bans", "src/train/run_loop.c", 'void f(void) { fprintf(stderr, "x"); }'),
    ("print-by-number", "bans", "src/train/run_loop.c", 'void f(void) { write(2, "x", 1); }'),
    ("print-behind-quotes", "bans", "src/train/run_loop.c", "int f(void) { return '\"' + puts(\"x\") + '\"'; }"),
    ("print-in-a-check", "bans", "ops/swiglu/swiglu.check.c", 'void f(void) { puts("x"); }'),
    ("exit", "bans", "src/data/pack.c", "void f(void) { exit(1); }"),
    ("quick-exit", "bans", "src/data/pack.c", "void f(void) { quick_exit(1); }"),
    ("abort", "bans", "backends/cpu/driver.c", "void (*f)(void) = abort;"),
    ("trap", "bans", "backends/cpu/kernels/norm.c", "void f(void) { __builtin_trap(); }"),
    ("raise", "bans", "src/base/pool.c", "void f(void) { raise(6); }"),
    ("assert", "bans", "src/base/pool.c", "void f(int x) { assert(x); }"),
    ("ask-for-a-terminal", "bans", "src/train/run_loop.c", "int f(void) { return isatty(2); }"),
    ("random", "bans", "src/train/sampler.c", "int f(void) { return rand(); }"),
    ("json-past-its-guard", "bans", "src/data/corpus.c", "json_t *f(const char *t) { return json_loads(t, 0, 0); }"),
    ("long", "length", "src/base/hash.c", "\n" * 1200),
    ("long-test", "length", "tests/unit/test_pool.c", "\n" * 1200),
    ("folder-without-readme", "readmes", "tests/extra/extra.c", "int extra;"),
    ("long-readme", "readmes", "src/base/README.md", "a\nb\nc\nd\ne\nf"),
    ("empty-readme", "readmes", "tests/extra/README.md", "# extra"),
]
# What must not be noticed: the words stand in comments and strings, or belong to somebody.
FINE = [
    ("words", "src/base/hash.c", '/* printf(x), abort, <termios.h>\n#include "train/engine.h" */\nconst char *s = "exit(1)";'),
    ("names", "src/base/hash.c", "void f(struct x *y) { y->exit(1); my_printf(0); snprintf(0, 0, 0); pthread_cond_signal(0); }"),
    ("a-test-sees-everything", "tests/unit/test_pool.c", '#include "train/engine.h"\n#include <sys/wait.h>'),
    ("the-terminal-belongs-to-the-cli", "cli/terminal.c", "#include <sys/ioctl.h>\nint f(void) { return isatty(2); }"),
]


def case(name, why):
    print(f"FAIL {name} {why}" if why else f"ok {name}")
    return bool(why)


def main():
    tree = law.read_tree(ROOT)
    failed = case("tree-is-clean", "; ".join(sum(law.check(tree).values(), [])))
    for name, rule, path, text in BREAKS:
        failures = law.check({**tree, path: tree.get(path, "") + "\n" * (path in tree) + text + "\n"}, [path])
        place = os.path.dirname(path) if name == "folder-without-readme" else path
        found = [line for line in failures[rule] if line.startswith(place)]
        failed |= case(name, "" if found else f"was not noticed in {path}: {failures}")
    for name, path, text in FINE:
        failures = law.check({**tree, path: tree[path] + "\n" + text + "\n"}, [path])
        failed |= case(name, "; ".join(sum(failures.values(), [])))
    gone = {path: text for path, text in tree.items() if path != "src/base/README.md"}
    failed |= case("readme-gone", "" if law.check(gone)["readmes"] else "was not noticed")
    return 1 if failed else 0


sys.exit(main())
