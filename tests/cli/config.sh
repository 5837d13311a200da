#!/bin/bash
# A run's configuration as the user meets it: `strait train` with wrong and right files, --set, --out.
# usage: STRAIT=/path/to/strait tests/cli/config.sh    (in an empty directory)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

# train NAME EXIT_CODE PATTERN ARGUMENTS...: `strait train ARGUMENTS` answers with a line that matches
train() {
    local name=$1 code=$2 pattern=$3
    shift 3
    expect "$name" "$code" "$pattern" "$STRAIT" train "$@"
}

mkdir -p shards tokenizer
touch shards/train.bin shards/train.idx
echo '{}' >tokenizer/tokenizer.json
cat >run.yaml <<'EOF'
model:
  init:
    hidden_size: 64
    intermediate_size: 192
    num_hidden_layers: 2
    num_attention_heads: 4
tokenizer: tokenizer
data:
  train: shards/train
  sequence_length: 128
batch:
  sequences: 8
optimizer:
  lr: 1e-3
steps: 1e3
run: runs/a
EOF

train no_config 2 'names no configuration'
train two_configs 2 "unexpected argument 'b'" a b
train missing_config 1 'nonexistent.yaml: .*No such file' nonexistent.yaml
train print 0 '^steps: 1000$' run.yaml --print-config
train set 0 '^  lr: 0\.30000000000000004$' run.yaml --print-config --set optimizer.lr=0.30000000000000004
train set_twice 0 '^seed: 4$' run.yaml --print-config --set seed=3 --set=seed=4
train set_list 0 '^  prompts: \["a", "b"\]$' run.yaml --print-config --set 'sample.prompts=["a","b"]'
train set_remove 0 '^tokens: 1000000$' run.yaml --print-config --set steps=null --set tokens=1e6
train out 0 '^run: "runs/b c"$' run.yaml --print-config --out 'runs/b c'
train wsd_written_out 0 '^  name: wsd$' run.yaml --print-config --set schedule.name=warmup-stable-decay
train wsd_misspelt 2 'schedule.name wants constant, linear, cosine or wsd, found stable' run.yaml --set schedule.name=stable
train set_wrong 2 '^strait train: --set optimizer.lr=fast: optimizer.lr wants a number' run.yaml --set optimizer.lr=fast
train set_unknown 2 'unknown key optimizer.lrr; did you mean optimizer.lr\?' run.yaml --set optimizer.lrr=1
train option_unknown 2 "unknown option '--resmue', did you mean '--resume'" run.yaml --resmue

printf 'seeed: 1\nlog_every: 0\ndata:\n  train: shards/train\n  train: nowhere\n' >wrong.yaml
train many_errors 2 '^strait train: [0-9]+ errors in the configuration:$' wrong.yaml
train unknown_key 2 '^wrong.yaml:1:1: unknown key seeed; did you mean seed\?$' wrong.yaml
train out_of_range 2 '^wrong.yaml:2:12: log_every wants an integer >= 1 \(steps\), found 0$' wrong.yaml
train duplicate_key 2 '^wrong.yaml:5:3: data.train is given twice, first in line 4' wrong.yaml
train missing_key 2 '^wrong.yaml:1:1: optimizer.lr is missing' wrong.yaml

sed 's|shards/train|shards/none|' run.yaml >file.yaml
printf 'PAR1rest' >table.parquet
printf '\210\330\064\001rest' >llmc.bin
for name in table.parquet llmc.bin; do
  sed "s#shards/none#$name#" file.yaml >foreign.yaml
  train "foreign_$name" 2 "data.train: $name: a (Parquet|token file of llm.c)" foreign.yaml
done
train missing_file 2 '^strait train: file.yaml:9:3: data.train: shards/none.idx: No such file' file.yaml
printf '\377\376s\0' >utf16.yaml
train not_utf8 2 'utf16.yaml:1:1: not UTF-8' utf16.yaml
head -c 2000000 /dev/zero | tr '\0' '#' >huge.yaml
train huge 1 'huge.yaml: larger than 1048576 bytes' huge.yaml
train directory 1 'tokenizer: is a directory' tokenizer

# What was printed is a configuration that prints itself.
"$STRAIT" train run.yaml --print-config >once.yaml 2>/dev/null
"$STRAIT" train once.yaml --print-config >twice.yaml 2>/dev/null
if [ -s once.yaml ] && cmp -s once.yaml twice.yaml; then ok round_trip; else fail round_trip "once.yaml and twice.yaml differ"; fi
if [ -e runs ]; then fail nothing_made "a wrong or printed configuration made runs/"; else ok nothing_made; fi

exit $failed
