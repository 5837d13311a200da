# What html.awk and man.awk share: the line and the page that they collect, and writing a page to a file of its own. With
# cjk=1 lines without Chinese are dropped.

function flush_line() {
    gsub(/[ \t\r\n]+/, " ", line)
    sub(/^ /, "", line)
    sub(/ $/, "", line)
    # Pieces of menus and tables are not sentences.
    if (length(line) > 11 && (!cjk || line ~ /[\343-\351][\200-\277][\200-\277]/)) text = text line "\n"
    line = ""
}

function finish_page() {
    flush_line()
    if (length(text) > 300) {
        name = sprintf("%s%05d.txt", prefix, ++pages)
        printf "%s", text > name
        close(name)
    }
    text = ""
}
