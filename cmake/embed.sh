#!/bin/sh
# embed.sh NAME TEXT.k.c OUT.c: a kernel text as a C array `const char NAME[]`, its lines #include "kernels/..."
# replaced by those files. Run in the repository's root.
set -eu
awk '
function put(path,   line, name) {
    while ((getline line < path) > 0) {
        if (line ~ /^#include "kernels\//) {
            name = line
            sub(/^#include "/, "", name)
            sub(/".*/, "", name)
            put(name)
        } else {
            print line
        }
    }
    close(path)
}
BEGIN { put(ARGV[1]) }' "$2" | {
    printf 'extern const char %s[];\nconst char %s[] = {\n' "$1" "$1"
    od -An -v -tu1 | sed 's/^ *//; s/  */,/g; s/$/,/'
    printf '0};\n'
} >"$3"
