/* Any bytes as a chat template: refused, or rendered over a conversation, or refused then; within the limits. */
#include "chat/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char variables[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"s \\u4e16\"}, {\"role\": \"user\", \"content\": \"<u>\"},"
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\":"
    "{\"a\": [1, 2.5, true], \"B\": \"x\"}}}]}], \"tools\": [{\"name\": \"f\", \"items\": {}}], \"n\": 3}";

static void render(const strait_template *tmpl)
{
    json_t *foreign = NULL;
    strait_rendering out = {0};
    if (strait_json_parse("variables", variables, strlen(variables), &foreign) != STRAIT_OK) abort();
    strait_status status = strait_template_render(tmpl, NULL, foreign, &out);
    if (status == STRAIT_ERR_INTERNAL) abort();
    if (status == STRAIT_OK) {
        if (out.text.bytes.length != out.text.foreign.length) abort();
        for (size_t i = 0; i < out.generation_count; i++) {
            const strait_span *span = &out.generations[i];
            if (span->begin > span->end || span->end > out.text.bytes.length) abort();
        }
    } else if (strncmp(strait_error_message(), "fuzz:", 5) != 0) {
        abort();
    }
    strait_rendering_fini(&out);
    json_decref(foreign);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    strait_template *tmpl;
    if (length > 8192) return 0;
    if (strait_template_parse("fuzz", (const char *)bytes, length, &tmpl) != STRAIT_OK) {
        if (strncmp(strait_error_message(), "fuzz:", 5) != 0) abort();
        return 0;
    }
    render(tmpl);
    strait_template_destroy(tmpl);
    return 0;
}
