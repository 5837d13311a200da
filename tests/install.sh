#!/bin/bash
# Installs the build into a fresh prefix, and compiles, links and runs a small C and (where there is a compiler) C++
# program against it by pkg-config alone, and the sample plug-in (tests/plugin.sh). Prints "ok NAME" or "FAIL NAME why".
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/strait-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $name"
    else
        tail -n 20 "$work/log"
        echo "FAIL $name: $*"
        failed=1
    fi
}

check install cmake --install build --prefix "$work/prefix"
# What the library promises never to do, it cannot even call: print, exit, abort, ask for a terminal.
end_or_print() {
    ! nm -u "$1" | grep -E ' (_?exit|_Exit|quick_exit|abort|raise|kill|__assert_fail|v?d?printf|f?puts|putchar|perror|stdout|stderr|isatty)$'
}
library=$(find "$work/prefix" -name libstrait.a)
check library-never-prints-or-ends end_or_print "$library"
# A prefix that was moved still works.
mv "$work/prefix" "$work/moved"
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name strait.pc | head -n 1)")
export PKG_CONFIG_PATH
cat >"$work/user.c" <<'EOF'
#include <stdio.h>
#include <string.h>
#include <strait/status.h>

int main(void)
{
    const char *name = strait_status_name(STRAIT_OK);
    printf("%s\n", name);
    return name == NULL || strlen(name) == 0;
}
EOF
# shellcheck disable=SC2046
check pkg-config-compiles-and-links gcc -std=c11 -Wall -Werror "$work/user.c" -o "$work/user" \
    $(pkg-config --cflags --libs --static strait)
check program-runs "$work/user"
# The installed program finds its plug-ins, wherever its prefix went.
lists_opencl() { "$work/moved/bin/strait" devices | grep '^opencl'; }
check plugin-found lists_opencl
check plugin-of-the-prefix test -f "$(find "$work/moved" -name strait_opencl.so)"
# It needs no vendor's library to start, and neither does a plug-in to be loaded.
no_vendor_library() { ! find "$work/moved" -type f \( -name strait -o -name '*.so' \) -exec ldd {} + | grep -iE 'opencl|cuda|hip' | grep '=>'; }
check no-vendor-library no_vendor_library
for header in "$work"/moved/include/strait/*.h; do
    name=$(basename "$header")
    case $name in *.inc.h) continue ;; esac
    printf '#include <strait/%s>\nint main(void) { return 0; }\n' "$name" >"$work/one.c"
    check "header-alone-$name" gcc -std=c11 -pedantic -Wall -Wextra -Werror "-I$work/moved/include" -c "$work/one.c" \
        -o "$work/one.o"
    if command -v g++ >/dev/null; then
        check "header-in-c++-$name" g++ -std=c++11 -Wall -Wextra -Werror "-I$work/moved/include" -x c++ \
            -c "$work/one.c" -o "$work/one.o"
    else
        echo "skip header-in-c++-$name no C++ compiler here"
    fi
done
# A plug-in of somebody else's, built and run against that prefix.
STRAIT=$work/moved/bin/strait tests/plugin.sh build || failed=1
if [ -x build/strait ]; then check installed-program-starts "$work/moved/bin/strait" --version; fi
exit $failed
