#!/bin/bash
# The command as such: version, help that fits a screen, exit codes, and what wrong verbs and options are told.
# usage: STRAIT=/path/to/strait tests/cli/main.sh    (in an empty directory)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

expect version 0 '^strait [0-9]+\.[0-9]+\.[0-9]+$' "$STRAIT" --version
expect no_verb 2 '^usage: strait VERB' "$STRAIT"
expect help 0 '^usage: strait VERB' "$STRAIT" --help
expect help_of_unknown_verb 2 "no verb 'xyzzy'" "$STRAIT" help xyzzy
expect unknown_verb_far 2 "no verb 'xyzzy'; 'strait --help'" "$STRAIT" xyzzy
expect unknown_option 2 "unknown option '--versoin', did you mean '--version'" "$STRAIT" --versoin
expect devices 0 '^cpu' "$STRAIT" devices
expect devices_none_usable 1 '^cpu.*STRAIT_CPU asks for instruction set .foo., which is unknown' env STRAIT_CPU=foo STRAIT_OPENCL_LIBRARY=/nowhere/libOpenCL.so "$STRAIT" devices
# A plug-in that finds no library of its chip says so; the rest works.
expect devices_without_opencl 0 '^cpu' env STRAIT_OPENCL_LIBRARY=/nowhere/libOpenCL.so "$STRAIT" devices
expect devices_says_why_none 0 '^opencl .*the OpenCL loader cannot be opened .*apt install ocl-icd-libopencl1' \
  env STRAIT_OPENCL_LIBRARY=/nowhere/libOpenCL.so "$STRAIT" devices
if ldconfig -p 2>/dev/null | grep -q libOpenCL.so.1; then
  expect devices_without_driver 0 '^opencl .*finds no OpenCL driver.*CL_PLATFORM_NOT_FOUND_KHR' env OCL_ICD_VENDORS=/nowhere "$STRAIT" devices
else echo "skip devices_without_driver there is no OpenCL loader here"; fi
expect device_without_library 1 'the OpenCL loader cannot be opened' env STRAIT_OPENCL_LIBRARY=/nowhere/libOpenCL.so "$STRAIT" devices opencl --why
expect device_not_a_plugin 2 'no such backend; there are: cpu' "$STRAIT" devices nosuch --why
echo "no program" >strait_text.so
expect devices_with_a_bad_plugin 0 '^text .*strait_text.so cannot be loaded' env STRAIT_PLUGIN_PATH="$PWD" "$STRAIT" devices
expect devices_of_one 2 'a DEVICE is named together with --why' "$STRAIT" devices cpu
# shellcheck disable=SC2016
expect full_disk 1 'cannot write the result: No space left' bash -c '"$1" --help >/dev/full' - "$STRAIT"

# The best of nine starts stays below 10 ms: others' load only adds. A sanitized program gets more (test.sh says how much).
times=()
for _ in 1 2 3 4 5 6 7 8 9; do
  begin=${EPOCHREALTIME/[.,]/}
  "$STRAIT" --version >/dev/null
  end=${EPOCHREALTIME/[.,]/}
  times+=($((end - begin)))
done
best=$(printf '%s\n' "${times[@]}" | sort -n | head -n 1)
if [ "$best" -le $((10000 * ${STRAIT_SLOWDOWN:-1})) ]; then ok version_within_10_ms; else fail version_within_10_ms "$best us"; fi

for verb in $("$STRAIT" --help | awk '/^  [a-z]/ {print $1}'); do
  help=$("$STRAIT" "$verb" --help </dev/null)
  code=$?
  lines=$(wc -l <<<"$help")
  widest=$(awk '{ if (length > n) n = length } END { print n + 0 }' <<<"$help")
  if [ "$code" != 0 ]; then fail "help_$verb" "exit $code"
  elif [ "$lines" -gt 24 ] || [ "$widest" -gt 80 ]; then fail "help_$verb" "$lines lines, $widest columns: not a screen of 80x24"
  else ok "help_$verb"; fi
  expect "nearest_verb_$verb" 2 "no verb '${verb}x', did you mean '$verb'" "$STRAIT" "${verb}x"
done

# Progress and stopping, by the verbs that take long. Some text: the words of a counter.
seq 1 20000 | awk '{ print "line " $1 " of the text, " $1 % 7 " words and " $1 % 11 " more"; if (NR % 40 == 0) print "" }' >text.txt
if ! "$STRAIT" tokenizer train text.txt --vocab-size 300 --out tokenizer >out.txt 2>pipe.txt; then
  fail tokenizer "$(cat pipe.txt)"
elif grep -q $'[\r\033]' pipe.txt; then fail pipe_is_plain "escapes in: $(cat -v pipe.txt)"
else ok pipe_is_plain; fi
"$STRAIT" data pack text.txt --tokenizer tokenizer --out packed --split-documents blank >out.txt 2>&1 || fail pack "$(cat out.txt)"

cat >run.yaml <<'EOF'
model:
  init: {hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2, head_dim: 8}
tokenizer: tokenizer
data: {train: packed_train, sequence_length: 32}
batch: {sequences: 2}
optimizer: {lr: 1e-3}
steps: 100000000
threads: 1
run: run
EOF

# wait_for FILE: until a run has taken its first steps
wait_for() {
  for _ in $(seq 1 600); do
    [ -s "$1" ] && return 0
    sleep 0.1
  done
  return 1
}

"$STRAIT" train run.yaml --out term >term.txt 2>term.err &
pid=$!
wait_for term/metrics.jsonl
kill -TERM $pid
wait $pid
code=$?
if [ $code = 0 ] && grep -q '^stopped; go on with: strait train term/config.yaml --resume$' term.txt &&
  [ -n "$(ls term/checkpoints)" ]; then ok sigterm_stops_in_order
else fail sigterm_stops_in_order "exit $code: $(tail -3 term.txt term.err)"; fi
step=$(sed -n 's/^term: step \([0-9,]*\) .*/\1/p' term.txt | tr -d ,)
"$STRAIT" train term/config.yaml --resume --set steps=$((step + 2)) >resumed.txt 2>&1
code=$?
if [ $code = 0 ] && grep -q "^term: step .* of " resumed.txt; then ok the_command_it_names_resumes
else fail the_command_it_names_resumes "exit $code: $(tail -3 resumed.txt)"; fi

# A terminal of 50 columns. Ctrl-C comes from the terminal, as the user's would. The shell inside has to be bash: dash
# ends with the signal even where the program handled it.
export SHELL=/bin/bash
if script -qec true script.log </dev/null >script.err 2>&1; then
  (wait_for terminal/metrics.jsonl; sleep 1.5; printf '\003'; wait_for ended) | TERM=xterm NO_COLOR=1 timeout 120 \
    script -qec "stty cols 50 -echo; $STRAIT train run.yaml --out terminal; echo \"exit \$?\" | tee ended" terminal.txt >/dev/null 2>&1
  widest=$(tr '\r' '\n' <terminal.txt | sed $'s/\033\\[K//g' | awk '/^training/ { if (length > n) n = length } END { print n + 0 }')
  if ! grep -q '^exit 0' terminal.txt; then fail ctrl_c_stops_in_order "$(tail -5 terminal.txt | cat -v)"; else ok ctrl_c_stops_in_order; fi
  if [ "$widest" -gt 49 ] || [ "$widest" = 0 ]; then fail progress_fits_the_terminal "$widest columns of 50"; else ok progress_fits_the_terminal; fi
  if grep -q $'\033\\[3' terminal.txt; then fail no_color "colours in spite of NO_COLOR"; else ok no_color; fi
else
  echo "skip terminal: script(1) opens no terminal here: $(tail -n 1 script.err)"
fi

exit $failed
