# HTML pages to plain text, one paragraph a line, each page into a file of its own.
# usage: find ... | LC_ALL=C awk -v prefix=OUT/NAME- -v cjk=0|1 -f page.awk -f html.awk      (cjk=1 drops lines without Chinese)
# Works on bytes, so that any awk will do.
BEGIN {
    # The names of the pages, one a line on standard input; there may be more than fit on a command line.
    while ((getline page < "-") > 0) ARGV[ARGC++] = page
    RS = "<"
    block = "^/?(p|div|h[1-6]|li|ul|ol|dl|dt|dd|tr|td|th|table|br|title|pre|section|blockquote)$"
}

function decode(s) {
    if (s !~ /&/) return s
    gsub(/&nbsp;|&#160;|&#xa0;/, " ", s)
    gsub(/&lt;/, "<", s)
    gsub(/&gt;/, ">", s)
    gsub(/&quot;/, "\"", s)
    gsub(/&#39;|&apos;/, "'", s)
    gsub(/&ldquo;|&#8220;/, "\342\200\234", s)
    gsub(/&rdquo;|&#8221;/, "\342\200\235", s)
    gsub(/&#[0-9a-zA-Z]+;/, "", s)
    gsub(/&amp;/, "\\&", s)
    return s
}

FNR == 1 {
    if (NR > 1) finish_page()
    skip = ""
    whole = 1
    next
}
{
    end = index($0, ">")
    if (end == 0) next
    tag = substr($0, 1, end - 1)
    rest = substr($0, end + 1)
    name = tolower(tag)
    sub(/[ \t\r\n].*/, "", name)
    if (skip != "") {
        if (name != "/" skip) next
        skip = ""
    } else if (name ~ /^(script|style|head|nav|aside|header|footer|button|noscript)$/) {
        flush_line()
        skip = name
        next
    } else if (tag ~ /hidden="true"/) {
        # A second wording for another system.
        next
    }
    if (name ~ block) flush_line()
    line = line decode(rest)
    # Without a space between two Chinese lines.
    gsub(/[\200-\377][ \t]*\r?\n[ \t]*[\200-\377]/, "&\001", line)
    if (line ~ /\001/) {
        n = split(line, part, "\001")
        line = ""
        for (i = 1; i <= n; i++) {
            piece = part[i]
            if (i < n) {
                last = substr(piece, length(piece))
                piece = substr(piece, 1, length(piece) - 1)
                sub(/[ \t]*\r?\n[ \t]*$/, "", piece)
                piece = piece last
            }
            line = line piece
        }
    }
}
END { finish_page() }
