# shellcheck shell=bash
# The Python environments for comparing with transformers, pinned; about 6 GB, made under build/interop. Sourced by bash
# in the root of the repository; needs scripts/common.sh only when something is missing.
TORCH=2.15.0
TRANSFORMERS_4=4.57.3
TRANSFORMERS_5=5.23.0
PEFT=0.21.2
INTEROP=build/interop

# One environment has torch; each version of transformers lies in a folder of its own, chosen by PYTHONPATH, and so does PEFT.
make_interop_env() {
    local version python=python3
    command -v python3.11 >/dev/null && python=python3.11
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        echo "error: Python 3.10 or newer is needed" >&2
        return 1
    }
    if ! "$INTEROP/torch/bin/python" -c "import torch; assert torch.__version__.startswith('$TORCH')" 2>/dev/null; then
        echo "making $INTEROP/torch: torch $TORCH (several GB)" >&2
        rm -rf "$INTEROP/torch"
        "$python" -m venv "$INTEROP/torch"
        "$INTEROP/torch/bin/pip" install --quiet --disable-pip-version-check \
            "torch==$TORCH" numpy==2.3.5 safetensors==0.8.0
    fi
    for version in "$TRANSFORMERS_4" "$TRANSFORMERS_5"; do
        [ -f "$INTEROP/transformers-$version/done" ] && continue
        echo "making $INTEROP/transformers-$version" >&2
        rm -rf "$INTEROP/transformers-$version"
        "$INTEROP/torch/bin/pip" install --quiet --disable-pip-version-check --no-warn-conflicts \
            --target "$INTEROP/transformers-$version" "transformers==$version"
        : >"$INTEROP/transformers-$version/done"
    done
    if [ ! -f "$INTEROP/peft-$PEFT/done" ]; then
        echo "making $INTEROP/peft-$PEFT" >&2
        rm -rf "$INTEROP/peft-$PEFT"
        "$INTEROP/torch/bin/pip" install --quiet --disable-pip-version-check --no-warn-conflicts --no-deps \
            --target "$INTEROP/peft-$PEFT" "peft==$PEFT" accelerate==1.15.0 psutil==7.2.2
        : >"$INTEROP/peft-$PEFT/done"
    fi
}

# with_transformers VERSION SCRIPT ARGUMENT...
with_transformers() {
    local version=$1
    shift
    PYTHONPATH=$PWD/$INTEROP/transformers-$version:$PWD/$INTEROP/peft-$PEFT HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error PYTHONDONTWRITEBYTECODE=1 \
        "$INTEROP/torch/bin/python" "$@"
}
