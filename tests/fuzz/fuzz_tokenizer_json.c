/*
 * Fuzzes tokenizer.json: whatever is accepted must encode and decode without a fault, stay inside its vocabulary, and
 * have the same meaning when it is read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <strait/tokenizer.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const strait_tokenizer *tokenizer)
{
    static const char text[] = "It's 12 caf\xc3\xa9s,\n\n  \xe4\xb8\xad\xe6\x96\x87 e\xcc\x81 <|endoftext|>\xff";
    const strait_encode_options options = {.add_special = true, .truncate = true};
    strait_encoding encoding = {0};
    strait_status status = strait_tokenizer_encode(tokenizer, text, sizeof text - 1, &options, &encoding);
    if (status != STRAIT_OK && status != STRAIT_ERR_UNSUPPORTED) abort();
    for (size_t i = 0; status == STRAIT_OK && i < encoding.count; i++) {
        if (encoding.ids[i] < 0 || encoding.ids[i] >= strait_tokenizer_vocab_size(tokenizer)) abort();
    }
    char *back;
    size_t length;
    if (status == STRAIT_OK) {
        if (strait_tokenizer_decode(tokenizer, encoding.ids, encoding.count, NULL, &back, &length) != STRAIT_OK)
            abort();
        strait_text_free(back);
    }
    strait_encoding_fini(&encoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    strait_tokenizer *tokenizer = NULL;
    strait_tokenizer *again = NULL;
    if (strait_tokenizer_parse("fuzz.json", (const char *)data, size, &tokenizer) != STRAIT_OK) return 0;
    use(tokenizer);
    char hash[65];
    char other[65];
    if (strait_tokenizer_parse("fuzz.json", (const char *)data, size, &again) != STRAIT_OK) abort();
    if (strait_tokenizer_hash(tokenizer, hash) != STRAIT_OK || strait_tokenizer_hash(again, other) != STRAIT_OK)
        abort();
    if (strcmp(hash, other) != 0) abort();
    strait_tokenizer_destroy(tokenizer);
    strait_tokenizer_destroy(again);
    return 0;
}
