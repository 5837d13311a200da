/* Classes of characters, as the splits of tokenizers ask for them: general categories by utf8proc, and White_Space. */
#ifndef STRAIT_TOKEN_CLASS_H
#define STRAIT_TOKEN_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every character has exactly one of the first seven. */
enum {
    STRAIT__LETTER = 1,
    STRAIT__MARK = 2,
    STRAIT__NUMBER = 4,
    STRAIT__PUNCTUATION = 8,
    STRAIT__SYMBOL = 16,
    STRAIT__SPACE = 32, /* the property White_Space */
    STRAIT__OTHER = 64, /* controls, format characters, surrogates, private use, unassigned */
    STRAIT__LINE = 128, /* and carriage return or line feed */
    STRAIT__KANJI = 256 /* and one of U+4E00 to U+9FA5 and U+3040 to U+30FF */
};

/* The classes of a code point below 0x110000. */
uint32_t strait__class_of(uint32_t code);
/* The same of the 128 characters of ASCII. */
extern const uint8_t strait__class_ascii[128];

/* \w of the `regex` package of Rust: alphabetic, marks, decimal digits, connectors, joiners. */
bool strait__is_word(uint32_t code);
/* What the `tokenizers` package calls punctuation: of ASCII also the symbols. */
bool strait__is_punctuation(uint32_t code);

/* The character at text[at .. end), which is well-formed UTF-8: its classes, and where the next one begins. */
static inline uint32_t strait__class_at(const unsigned char *text, size_t at, size_t *out_next)
{
    uint32_t c = text[at];
    if (c < 0x80) {
        *out_next = at + 1;
        return strait__class_ascii[c];
    }
    if (c < 0xe0) {
        *out_next = at + 2;
        return strait__class_of((c & 0x1f) << 6 | (text[at + 1] & 0x3fu));
    }
    if (c < 0xf0) {
        *out_next = at + 3;
        return strait__class_of((c & 0x0f) << 12 | (text[at + 1] & 0x3fu) << 6 | (text[at + 2] & 0x3fu));
    }
    *out_next = at + 4;
    return strait__class_of((c & 0x07) << 18 | (text[at + 1] & 0x3fu) << 12 | (text[at + 2] & 0x3fu) << 6 |
                            (text[at + 3] & 0x3fu));
}

#endif
