#!/bin/bash
# strait trace: numbers are taken as they are given, zero too, and refused outside their ranges.
# usage: STRAIT=/path/to/strait tests/cli/trace.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

make_data
make_config run.yaml
"$STRAIT" train run.yaml >train.log 2>&1 || fail train "$(tail -n 3 train.log)"
echo '[[10, 20, 30, 40], [50, 60, 70, 80]]' >ids.json

# traced OPTION...: the hash of the parameters after two steps
traced() {
  "$STRAIT" trace run --tokens ids.json --out trace.safetensors --steps 2 "$@" >trace.log 2>&1 &&
    sha256sum <trace.safetensors
}
default=$(traced)
same defaults "$default" "$(traced --lr 1e-3 --betas 0.9,0.999 --eps 1e-8 --weight-decay 0 --clip 0)"
zero=$(traced --lr 0)
# With a rate of zero nothing moves: both losses are the same, and so is the result of any other AdamW.
same zero_rate "$zero" "$(traced --lr 0 --eps 1e-3 --weight-decay 0.5)"
if [ "$zero" != "$default" ]; then ok zero_rate_is_no_default; else fail zero_rate_is_no_default "the result of 1e-3"; fi

refused() {
  local name=$1 pattern=$2
  shift 2
  expect "$name" 1 "$pattern" "$STRAIT" trace run --tokens ids.json --out trace.safetensors --steps 1 "$@"
}
refused zero_eps 'eps is 0: 1e-12 is the least' --eps 0
refused negative_rate 'lr is -1: a number of 0 or more' --lr -1
refused negative_decay 'weight decay is -0.1: ' --weight-decay -0.1
refused negative_clip 'clip is -1: ' --clip -1
refused zero_beta 'betas are 0 and 0.9: ' --betas 0,0.9
refused beta_of_one 'betas are 0.9 and 1: ' --betas 0.9,1
refused beta_that_is_none 'betas are nan and 0.9: ' --betas nan,0.9
expect betas_without_comma 2 '--betas 0.9: two numbers with a comma' "$STRAIT" trace run --tokens ids.json --out trace.safetensors --betas 0.9

exit "$failed"
