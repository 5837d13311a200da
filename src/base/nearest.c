/*
 * The version, and the nearest word to a mistyped one. Knows bytes only, no terminal and no schema.
 */
#include <strait/strait.h>

#include <string.h>

enum { NEAREST_MAX = 63 };

const char *strait_version(void)
{
    return STRAIT_VERSION;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

int strait_nearest_distance(const char *word, const char *candidate)
{
    size_t n = strlen(word);
    size_t m = strlen(candidate);
    if (n == 0 || m == 0 || n > NEAREST_MAX || m > NEAREST_MAX) return -1;

    /* Three rows of the table are enough for the swap of neighbours, which looks two rows back. */
    int rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= m; ++j) rows[0][j] = (int)j;
    for (size_t i = 1; i <= n; ++i) {
        int *now = rows[i % 3];
        const int *above = rows[(i + 2) % 3];
        const int *two_above = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; ++j) {
            char a = fold(word[i - 1]);
            char b = fold(candidate[j - 1]);
            int best = above[j - 1] + (a != b);
            best = min_int(best, above[j] + 1);
            best = min_int(best, now[j - 1] + 1);
            if (i > 1 && j > 1 && a == fold(candidate[j - 2]) && b == fold(word[i - 2]))
                best = min_int(best, two_above[j - 2] + 1);
            now[j] = best;
        }
    }

    int distance = rows[n % 3][m];
    int longer = (int)(n > m ? n : m);
    int allowed = longer / 3 > 1 ? longer / 3 : 1;
    return distance <= allowed && distance < longer ? distance : -1;
}

const char *strait_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    int best_distance = 0;
    for (size_t i = 0; i < count; ++i) {
        int distance = strait_nearest_distance(word, candidates[i]);
        if (distance < 0 || (best != NULL && distance >= best_distance)) continue;
        best = candidates[i];
        best_distance = distance;
    }
    return best;
}
