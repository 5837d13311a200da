# Manual pages in the man macros to plain text, one paragraph a line, each page into a file of its own.
# usage: zcat PAGE... | LC_ALL=C awk -v prefix=OUT/NAME- -v cjk=0|1 -f page.awk -f man.awk      (cjk=1 drops lines without Chinese)
# Works on bytes, so that any awk will do.

# Escapes: fonts away, characters by their names.
function plain(s) {
    sub(/\\".*/, "", s)
    gsub(/\\f\[[^]]*\]|\\f\(..|\\f.|\\s[-+]?[0-9]|\\[&|^:%\/,]/, "", s)
    gsub(/\\-|\\\(mi|\\\(hy|\\\(en|\\\(em/, "-", s)
    gsub(/\\\(aq|\\\(cq|\\\(oq|\\'/, "'", s)
    gsub(/\\\(dq|\\\(lq|\\\(rq|\\\*\(lq|\\\*\(rq|\\\*\(L"|\\\*\(R"/, "\"", s)
    gsub(/\\~|\\ |\\0/, " ", s)
    gsub(/\\\(bu/, "*", s)
    gsub(/\\[*(]..|\\\[[^]]*\]/, "", s)
    gsub(/\\e|\\\\/, "\\", s)
    return s
}

function add(s) {
    if (s == "") return
    # Two Chinese lines join without a space.
    if (line != "" && !(line ~ /[\200-\377]$/ && s ~ /^[\200-\377]/)) line = line " "
    line = line s
}

# The arguments of a macro, joined: with spaces (.B, .SH), or without (.BR and the other alternating fonts).
function arguments(s, between,   out, arg, first) {
    out = ""
    first = 1
    while (match(s, /^[ \t]*("[^"]*"?|[^ \t"]([^ \t\\]|\\.)*)/)) {
        arg = substr(s, 1, RLENGTH)
        s = substr(s, RLENGTH + 1)
        sub(/^[ \t]+/, "", arg)
        gsub(/^"|"$/, "", arg)
        out = out (first ? "" : between) plain(arg)
        first = 0
    }
    return out
}

/^\.TH/ { finish_page(); ignore = 0; verbatim = 0; next }
/^\.Dd/ { finish_page(); ignore = 1; next }
ignore { next }
/^[.'][ \t]*(nf|EX|TS)/ { flush_line(); verbatim = 1; next }
/^[.'][ \t]*(fi|EE|TE)/ { verbatim = 0; next }
verbatim { next }
/^\.(SH|SS)/ { flush_line(); line = arguments(substr($0, 4), " "); flush_line(); next }
/^\.(PP|TP|LP|P|IP|HP|br|sp|RS|RE)([ \t]|$)/ { flush_line(); next }
/^\.(BR|RB|IR|RI|BI|IB|SB)[ \t]/ { add(arguments(substr($0, 4), "")); next }
/^\.(B|I|SM|R)[ \t]/ { add(arguments(substr($0, 3), " ")); next }
/^[.']/ { next }
/^[ \t]*$/ { flush_line(); next }
{ add(plain($0)) }
END { finish_page() }
