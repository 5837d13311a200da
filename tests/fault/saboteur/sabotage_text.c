/*
 * Programs that compute a little wrongly: lines of the kernel dialect before the text, which redefine its words, and
 * lines put behind a certain one of it. What a chip does whose units accumulate in few bits, flush, or round twice.
 */
#include "saboteur.h"

#include <stdio.h>
#include <string.h>

typedef struct rewriting {
    const char *name;
    const char *lines;  /* before the text */
    const char *behind; /* NULL, or after what ... */
    const char *put;    /* ... this is put */
} rewriting;

/* Rounded to 11 bits, half away from zero, as the nearest cheap unit has it. */
#define ROUND_11                                                                                       \
    "DEVICE vf sabotage_round(vf x)\n"                                                                 \
    "{\n"                                                                                              \
    "    return V_SELECT(x == x, V_REAL((V_BITS(x) + V_SET_U(0x1000u)) & V_SET_U(0xFFFFE000u)), x);\n" \
    "}\n"
#define INSTEAD_OF_FMA(value)                    \
    "DEVICE vf sabotage_fma(vf a, vf b, vf c)\n" \
    "{\n"                                        \
    "    vf fused = V_FMA(a, b, c);\n"           \
    "    return " value ";\n"                    \
    "}\n"                                        \
    "#undef V_FMA\n"                             \
    "#define V_FMA(a, b, c) sabotage_fma(a, b, c)\n"

static const rewriting rewritings[] = {
    {"round11", ROUND_11 INSTEAD_OF_FMA("sabotage_round(fused)"), NULL, NULL},
    {"round11by32", ROUND_11, "        product_step(acc, a, b);\n",
     "        if (k % 32 == 31) {\n"
     "            for (i32 r = 0; r < ITEM_ROWS; ++r) {\n"
     "                for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = sabotage_round(acc[r][v]);\n"
     "            }\n"
     "        }\n"},
    {"flush",
     INSTEAD_OF_FMA("V_SELECT((V_BITS(fused) & V_SET_U(0x7F800000u)) == V_SET_U(0u), "
                    "V_REAL(V_BITS(fused) & V_SET_U(0x80000000u)), fused)"),
     NULL, NULL},
    {"unfused", INSTEAD_OF_FMA("a * b + c"), NULL, NULL},
};

static const rewriting *find(const char *class_name)
{
    for (size_t i = 0; i < sizeof rewritings / sizeof rewritings[0]; i++) {
        if (strcmp(class_name, rewritings[i].name) == 0) return &rewritings[i];
    }
    return NULL;
}

bool sabotage_rewrites(const char *class_name)
{
    return find(class_name) != NULL;
}

char *sabotage_text(const strait_host *host, const char *class_name, const char *text, bool *out_fits)
{
    const rewriting *how = find(class_name);
    const char *rest = how->behind ? strstr(text, how->behind) : text;
    *out_fits = rest != NULL;
    if (!rest) return NULL;
    if (how->behind) rest += strlen(how->behind);
    size_t room = strlen(how->lines) + strlen(text) + (how->put ? strlen(how->put) : 0) + 1;
    char *out = host->alloc(room);
    if (out) snprintf(out, room, "%s%.*s%s%s", how->lines, (int)(rest - text), text, how->put ? how->put : "", rest);
    return out;
}
