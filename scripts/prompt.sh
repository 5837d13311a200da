# shellcheck shell=bash
# A prompt out of packed text: what the model reads, whatever the files were (compressed, JSON lines, another encoding).
# Sourced by quickstart.sh and its test.

# first_words STRAIT TOKENIZER SHARD: the first 12 characters of the shard that can stand in a config, a command and on
# a terminal; nothing where there are none.
first_words() {
    local strait=$1 tokenizer=$2 shard=$3 width=4 text
    # Byte 17 of the index is the type of an id; 8 is 16 bits.
    [ "$(od -An -tu1 -j17 -N1 "$shard.idx" 2>/dev/null | tr -d ' ')" = 8 ] && width=2
    # The last id may end inside a character, and text need not be printable.
    text=$(od -An -v -w$width -tu$width -N $((512 * width)) "$shard.bin" 2>/dev/null |
        "$strait" tokenizer decode "$tokenizer" --skip-special 2>/dev/null | tr -d '\000' | tr '\n' ' ' |
        iconv -c -f UTF-8 -t UTF-8 2>/dev/null |
        LC_ALL=C.UTF-8 sed 's/[^[:alnum:][:punct:] ]/ /g; s/["\\$`�]/ /g; s/  */ /g; s/^ //')
    text=${text:0:12}
    printf '%s' "${text% }"
}
