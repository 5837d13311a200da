/*
 * One scanner with rules for each family. At every place the alternatives are tried in the order in which the
 * expressions have them; where none matches, the character joins a gap, which is a word of its own.
 */
#include "token/scan.h"

#include "token/class.h"

#include <string.h>

typedef enum contractions {
    NO_CONTRACTIONS,
    LOWER_CONTRACTIONS, /* 's 't 're 've 'm 'll 'd */
    ANY_CONTRACTIONS    /* in either case, and with the long s */
} contractions;

struct strait__scan_rules {
    const char *patterns[3];
    contractions contractions;
    bool sign_and_word;   /* a sign of ASCII and letters of ASCII */
    bool lead_is_blank;   /* what may stand before a word or a number: a blank, else any of `lead` but line ends */
    uint32_t lead;        /* one of these may stand before a word */
    uint32_t word;        /* a word is a run of these */
    size_t digits;        /* numbers in a group, SIZE_MAX = all of a run, with a blank before it; 0 = see `parts` */
    uint32_t signs;       /* a run of these, with a blank before it */
    bool signs_and_lines; /* and the line ends after it */
    bool lines;           /* white space up to its last line end */
    bool parts;           /* first cut into numbers in threes, runs of KANJI, and the rest */
};

#define CONTRACTED "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define BLANKS "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define MARKS_AND_SIGNS (STRAIT__MARK | STRAIT__PUNCTUATION | STRAIT__SYMBOL | STRAIT__OTHER)

static const strait__scan_rules known[] = {
    /* Qwen2, Qwen2.5 and Qwen3 */
    {.patterns = {CONTRACTED "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" BLANKS},
     .contractions = ANY_CONTRACTIONS,
     .lead = MARKS_AND_SIGNS | STRAIT__SPACE,
     .word = STRAIT__LETTER,
     .digits = 1,
     .signs = MARKS_AND_SIGNS,
     .signs_and_lines = true,
     .lines = true},
    /* the later Qwen, whose words contain marks */
    {.patterns = {CONTRACTED
                  "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" BLANKS},
     .contractions = ANY_CONTRACTIONS,
     .lead = MARKS_AND_SIGNS | STRAIT__SPACE,
     .word = STRAIT__LETTER | STRAIT__MARK,
     .digits = 1,
     .signs = STRAIT__PUNCTUATION | STRAIT__SYMBOL | STRAIT__OTHER,
     .signs_and_lines = true,
     .lines = true},
    /* Seed */
    {.patterns = {CONTRACTED "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" BLANKS},
     .contractions = ANY_CONTRACTIONS,
     .lead = MARKS_AND_SIGNS | STRAIT__SPACE,
     .word = STRAIT__LETTER,
     .digits = 1,
     .signs = MARKS_AND_SIGNS,
     .lines = true},
    /* Llama 3 */
    {.patterns = {CONTRACTED "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" BLANKS},
     .contractions = ANY_CONTRACTIONS,
     .lead = MARKS_AND_SIGNS | STRAIT__SPACE,
     .word = STRAIT__LETTER,
     .digits = 3,
     .signs = MARKS_AND_SIGNS,
     .signs_and_lines = true,
     .lines = true},
    /* GPT-2, the split that ByteLevel brings along */
    {.patterns = {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
     .contractions = LOWER_CONTRACTIONS,
     .lead_is_blank = true,
     .word = STRAIT__LETTER,
     .digits = SIZE_MAX,
     .signs = MARKS_AND_SIGNS},
    /* DeepSeek-V3 */
    {.patterns = {"\\p{N}{1,3}", "[一-龥\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
                  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                  " ?[\\p{P}\\p{S}]+[\r\n]*|" BLANKS},
     .sign_and_word = true,
     .lead = STRAIT__MARK | STRAIT__NUMBER | STRAIT__SPACE | STRAIT__OTHER,
     .word = STRAIT__LETTER | STRAIT__MARK,
     .signs = STRAIT__PUNCTUATION | STRAIT__SYMBOL,
     .signs_and_lines = true,
     .lines = true,
     .parts = true},
};

const strait__scan_rules *strait__scan_find(const char *const *patterns, size_t count, size_t *out_covered)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t covered = 0;
        while (covered < 3 && known[i].patterns[covered] && covered < count &&
               strcmp(known[i].patterns[covered], patterns[covered]) == 0) {
            covered++;
        }
        if (covered < 3 && known[i].patterns[covered]) continue;
        *out_covered = covered;
        return &known[i];
    }
    return NULL;
}

typedef struct scanner {
    const strait__scan_rules *rules;
    const unsigned char *text;
    size_t end; /* of the part that is being cut: nothing looks beyond it */
    strait__word_fn fn;
    void *context;
} scanner;

static strait_status give(const scanner *in, size_t begin, size_t end)
{
    return in->fn(in->context, (const char *)in->text + begin, end - begin);
}

static size_t skip(const scanner *in, size_t at, uint32_t classes)
{
    size_t next = at;
    while (at < in->end && strait__class_at(in->text, at, &next) & classes) at = next;
    return at;
}

static bool letter_of_ascii(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The end of the contraction that stands at `at`, or `at`. */
static size_t contraction(const scanner *in, size_t at)
{
    const unsigned char *text = in->text + at;
    size_t left = in->end - at;
    if (left < 2 || text[0] != '\'') return at;
    bool any = in->rules->contractions == ANY_CONTRACTIONS;
    unsigned char fold = any ? 0x20 : 0;
    if (any && left > 2 && text[1] == 0xc5 && text[2] == 0xbf) return at + 3; /* U+017F folds to s */
    unsigned char first = text[1] | fold;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if (left < 3) return at;
    unsigned char second = text[2] | fold;
    bool two = ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
    return two ? at + 3 : at;
}

/* White space from `at`: up to its last line end, else all but its last character where something follows it. */
static size_t white_space(const scanner *in, size_t at)
{
    size_t last = at;  /* where the last character begins */
    size_t lines = at; /* behind the last line end */
    size_t next = at;
    size_t stop = at;
    while (stop < in->end) {
        uint32_t class = strait__class_at(in->text, stop, &next);
        if (!(class & STRAIT__SPACE)) break;
        last = stop;
        stop = next;
        if (class & STRAIT__LINE) lines = stop;
    }
    if (in->rules->lines && lines > at) return lines;
    return stop == in->end || last == at ? stop : last;
}

static size_t numbers(const scanner *in, size_t at, size_t most)
{
    size_t next = at;
    for (size_t i = 0; i < most && at < in->end; i++) {
        if (!(strait__class_at(in->text, at, &next) & STRAIT__NUMBER)) break;
        at = next;
    }
    return at;
}

/* The end of the match that begins at `at`, or `at` where there is none. */
static size_t match(const scanner *in, size_t at)
{
    const strait__scan_rules *rules = in->rules;
    const unsigned char *text = in->text;
    size_t next = at;
    uint32_t class = strait__class_at(text, at, &next);
    if (rules->contractions != NO_CONTRACTIONS && text[at] == '\'') {
        size_t stop = contraction(in, at);
        if (stop > at) return stop;
    }
    bool more = next < in->end;
    if (rules->sign_and_word && more && text[at] < 0x80 && class & (STRAIT__PUNCTUATION | STRAIT__SYMBOL) &&
        letter_of_ascii(text[next])) {
        while (next < in->end && letter_of_ascii(text[next])) next++;
        return next;
    }
    size_t after = next;
    uint32_t following = more ? strait__class_at(text, next, &after) : 0;
    bool blank = text[at] == ' ';
    bool lead = rules->lead_is_blank ? blank : class & rules->lead && !(class & STRAIT__LINE);
    if (lead && following & rules->word) return skip(in, after, rules->word);
    if (class & rules->word) return skip(in, next, rules->word);
    if (rules->digits == SIZE_MAX && blank && following & STRAIT__NUMBER) return numbers(in, after, SIZE_MAX);
    if (rules->digits > 0 && class & STRAIT__NUMBER) return numbers(in, at, rules->digits);
    bool signs = (class & rules->signs) != 0;
    if (signs || (blank && following & rules->signs)) {
        size_t stop = skip(in, signs ? next : after, rules->signs);
        return rules->signs_and_lines ? skip(in, stop, STRAIT__LINE) : stop;
    }
    return class & STRAIT__SPACE ? white_space(in, at) : at;
}

static strait_status scan_part(const scanner *in, size_t begin)
{
    size_t gap = begin;
    for (size_t at = begin; at < in->end;) {
        size_t stop = match(in, at);
        if (stop == at) {
            (void)strait__class_at(in->text, at, &at);
            continue;
        }
        if (gap < at) STRAIT_TRY(give(in, gap, at));
        STRAIT_TRY(give(in, at, stop));
        at = stop;
        gap = stop;
    }
    return gap < in->end ? give(in, gap, in->end) : STRAIT_OK;
}

/* Numbers in threes are words; runs of KANJI and what lies between are cut on, each alone. */
static strait_status scan_parts(scanner *in, size_t length)
{
    for (size_t at = 0; at < length;) {
        in->end = length;
        size_t stop = numbers(in, at, 3);
        if (stop > at) {
            STRAIT_TRY(give(in, at, stop));
            at = stop;
            continue;
        }
        size_t next = at;
        stop = at;
        uint32_t kanji = strait__class_at(in->text, at, &next) & STRAIT__KANJI;
        while (stop < length) {
            uint32_t class = strait__class_at(in->text, stop, &next);
            if (class & STRAIT__NUMBER || (class & STRAIT__KANJI) != kanji) break;
            stop = next;
        }
        in->end = stop;
        STRAIT_TRY(scan_part(in, at));
        at = stop;
    }
    return STRAIT_OK;
}

strait_status strait__scan(const strait__scan_rules *rules, const char *text, size_t length, strait__word_fn fn,
                           void *context)
{
    scanner in = {.rules = rules, .text = (const unsigned char *)text, .end = length, .fn = fn, .context = context};
    return rules->parts ? scan_parts(&in, length) : scan_part(&in, 0);
}
