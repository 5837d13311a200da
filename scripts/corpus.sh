# shellcheck shell=bash
# Real text in English and Chinese from documentation packages of the distribution: downloaded and unpacked, never
# installed. Sourced by bash after common.sh.

CORPUS_ENGLISH="debian-reference-en debian-faq developers-reference libreoffice-help-en-us manpages"
CORPUS_CHINESE="debian-reference-zh-cn debian-faq-zh-cn maint-guide-zh-cn libreoffice-help-zh-cn manpages-zh"

# corpus_fetch PACKAGE FOLDER: leaves the package's files under FOLDER/PACKAGE.
corpus_fetch() {
    local package=$1 folder=$2 deb=
    [ -d "$folder/$package" ] && return 0
    known_package "$package" || return 1
    mkdir -p "$folder/debs"
    # A copy that another run began may be cut short, so that each try starts in an empty folder.
    rm -rf "$folder/debs/$package"
    mkdir "$folder/debs/$package"
    (cd "$folder/debs/$package" && apt-get download -qq "$package" </dev/null >log 2>&1) || {
        # Old lists name versions that the archive no longer has.
        [ "$apt_lists_fresh" = yes ] && return 1
        apt_lists_fresh=yes
        as_root apt-get update -qq </dev/null >/dev/null 2>&1
        (cd "$folder/debs/$package" && apt-get download -qq "$package" </dev/null >log 2>&1) || return 1
    }
    deb=$(find "$folder/debs/$package" -name '*.deb' | head -n 1)
    [ -n "$deb" ] || return 1
    rm -rf "$folder/$package.new"
    dpkg-deb -x "$deb" "$folder/$package.new" && mv "$folder/$package.new" "$folder/$package"
    rm -rf "$folder/debs/$package"
}

# corpus_convert LANGUAGE PACKAGE FOLDER OUT: manual pages or HTML to plain text, a file for each page.
corpus_convert() {
    local language=$1 package=$2 folder=$3 out=$4 cjk=0 where=$3/$2/usr/share
    [ "$language" = zh ] && cjk=1
    case $package in
    manpages-zh) where=$where/man/zh_CN ;;
    manpages) where=$where/man ;;
    libreoffice-help-zh-cn) where=$where/libreoffice/help/zh-CN/text ;;
    libreoffice-help-en-us) where=$where/libreoffice/help/en-US/text ;;
    esac
    case $package in
    manpages*) find "$where" -type f -name '*.gz' | LC_ALL=C sort | xargs zcat |
        LC_ALL=C awk -v prefix="$out/$package-" -v cjk=$cjk -f scripts/page.awk -f scripts/man.awk ;;
    # Pages about Basic are mostly program text.
    *) find "$where" -type f -name '*.html' ! -path '*/sbasic/*' | LC_ALL=C sort |
        LC_ALL=C awk -v prefix="$out/$package-" -v cjk=$cjk -f scripts/page.awk -f scripts/html.awk ;;
    esac
}

# corpus_make FOLDER: text in FOLDER/text/en and FOLDER/text/zh.
corpus_make() {
    local folder=$1 language package packages bytes
    [ -f "$folder/text/done" ] && return 0
    mkdir -p "$folder/unpacked"
    rm -rf "$folder/text"
    for language in en zh; do
        mkdir -p "$folder/text/$language"
        packages=$CORPUS_ENGLISH
        [ $language = zh ] && packages=$CORPUS_CHINESE
        for package in $packages; do
            if corpus_fetch "$package" "$folder/unpacked"; then
                corpus_convert $language "$package" "$folder/unpacked" "$folder/text/$language"
            else
                say "  note: no package $package here; going on without it"
            fi
        done
        bytes=$(cat "$folder/text/$language"/*.txt 2>/dev/null | wc -c)
        say "  $language: $((bytes / 1000)) KB of text in $(find "$folder/text/$language" -name '*.txt' | wc -l) documents"
        [ "$bytes" -gt 500000 ] || {
            say "error: that is too little text; is a package archive configured and reachable?"
            return 1
        }
    done
    : >"$folder/text/done"
}
