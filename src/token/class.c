/* The table of ASCII, and utf8proc's categories for the rest. */
#include "token/class.h"

#include <utf8proc.h>

#define L STRAIT__LETTER
#define N STRAIT__NUMBER
#define P STRAIT__PUNCTUATION
#define S STRAIT__SYMBOL
#define W STRAIT__SPACE
#define O STRAIT__OTHER
#define E (STRAIT__SPACE | STRAIT__LINE)
/* clang-format off */
const uint8_t strait__class_ascii[128] = {
    O, O, O, O, O, O, O, O, O, W, E, W, W, E, O, O,
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    W, P, P, P, S, P, P, P, P, P, P, S, P, P, P, P,
    N, N, N, N, N, N, N, N, N, N, P, P, S, S, S, P,
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, P, P, P, S, P,
    S, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, P, S, P, S, O,
};
/* clang-format on */
#undef L
#undef N
#undef P
#undef S
#undef W
#undef O
#undef E

static bool white_space(uint32_t code)
{
    return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

uint32_t strait__class_of(uint32_t code)
{
    static const uint8_t of_category[] = {
        [UTF8PROC_CATEGORY_CN] = STRAIT__OTHER,       [UTF8PROC_CATEGORY_LU] = STRAIT__LETTER,
        [UTF8PROC_CATEGORY_LL] = STRAIT__LETTER,      [UTF8PROC_CATEGORY_LT] = STRAIT__LETTER,
        [UTF8PROC_CATEGORY_LM] = STRAIT__LETTER,      [UTF8PROC_CATEGORY_LO] = STRAIT__LETTER,
        [UTF8PROC_CATEGORY_MN] = STRAIT__MARK,        [UTF8PROC_CATEGORY_MC] = STRAIT__MARK,
        [UTF8PROC_CATEGORY_ME] = STRAIT__MARK,        [UTF8PROC_CATEGORY_ND] = STRAIT__NUMBER,
        [UTF8PROC_CATEGORY_NL] = STRAIT__NUMBER,      [UTF8PROC_CATEGORY_NO] = STRAIT__NUMBER,
        [UTF8PROC_CATEGORY_PC] = STRAIT__PUNCTUATION, [UTF8PROC_CATEGORY_PD] = STRAIT__PUNCTUATION,
        [UTF8PROC_CATEGORY_PS] = STRAIT__PUNCTUATION, [UTF8PROC_CATEGORY_PE] = STRAIT__PUNCTUATION,
        [UTF8PROC_CATEGORY_PI] = STRAIT__PUNCTUATION, [UTF8PROC_CATEGORY_PF] = STRAIT__PUNCTUATION,
        [UTF8PROC_CATEGORY_PO] = STRAIT__PUNCTUATION, [UTF8PROC_CATEGORY_SM] = STRAIT__SYMBOL,
        [UTF8PROC_CATEGORY_SC] = STRAIT__SYMBOL,      [UTF8PROC_CATEGORY_SK] = STRAIT__SYMBOL,
        [UTF8PROC_CATEGORY_SO] = STRAIT__SYMBOL,      [UTF8PROC_CATEGORY_ZS] = STRAIT__SPACE,
        [UTF8PROC_CATEGORY_ZL] = STRAIT__SPACE,       [UTF8PROC_CATEGORY_ZP] = STRAIT__SPACE,
        [UTF8PROC_CATEGORY_CC] = STRAIT__OTHER,       [UTF8PROC_CATEGORY_CF] = STRAIT__OTHER,
        [UTF8PROC_CATEGORY_CS] = STRAIT__OTHER,       [UTF8PROC_CATEGORY_CO] = STRAIT__OTHER,
    };
    if (code < 0x80) return strait__class_ascii[code];
    /* Chinese characters need no look into a table. */
    if (code >= 0x4e00 && code < 0xa000) return STRAIT__LETTER | (code <= 0x9fa5 ? STRAIT__KANJI : 0u);
    if (white_space(code)) return STRAIT__SPACE;
    uint32_t class = of_category[utf8proc_get_property((utf8proc_int32_t)code)->category];
    return class | (code >= 0x3040 && code <= 0x30ff ? STRAIT__KANJI : 0u);
}

bool strait__is_word(uint32_t code)
{
    int category = utf8proc_get_property((utf8proc_int32_t)code)->category;
    switch (category) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    case UTF8PROC_CATEGORY_SO:
        /* Other_Alphabetic has these letters in circles and squares; its others are marks. */
        return (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
               (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
    case UTF8PROC_CATEGORY_CF: return code == 0x200c || code == 0x200d;
    default: return (strait__class_of(code) & (STRAIT__LETTER | STRAIT__MARK)) != 0;
    }
}

bool strait__is_punctuation(uint32_t code)
{
    uint32_t class = strait__class_of(code);
    return (class & STRAIT__PUNCTUATION) != 0 || (code < 0x80 && (class & STRAIT__SYMBOL) != 0);
}
