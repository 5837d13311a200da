/* HTML and SVG. */
#include "plan/html.h"

#include <math.h>

enum { LEFT = 330, WIDE = 560, ROW = 26, TOP = 34, TICKS = 4 };

strait_status strait_html_text(strait_buffer *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': STRAIT_TRY(strait_buffer_printf(out, "&amp;")); break;
        case '<': STRAIT_TRY(strait_buffer_printf(out, "&lt;")); break;
        case '>': STRAIT_TRY(strait_buffer_printf(out, "&gt;")); break;
        case '"': STRAIT_TRY(strait_buffer_printf(out, "&quot;")); break;
        case '\'': STRAIT_TRY(strait_buffer_printf(out, "&#39;")); break;
        default: STRAIT_TRY(strait_buffer_append(out, text, 1)); break;
        }
    }
    return STRAIT_OK;
}

/* 1, 2 or 5 times a power of ten, so that TICKS of them reach `most`. */
static double step_for(double most)
{
    double step = pow(10, floor(log10(most / TICKS)));
    if (step * TICKS < most) step *= 2;
    if (step * TICKS < most) step *= 2.5;
    if (step * TICKS < most) step *= 2;
    return step;
}

/* The picture's frame: title, ticks, their lines. `step` is 0 where there is nothing to draw. */
static strait_status begin(strait_buffer *out, const char *title, size_t rows, double step)
{
    int height = TOP + ROW * (int)rows + 24;
    STRAIT_TRY(strait_buffer_printf(out, "<figure><figcaption>"));
    STRAIT_TRY(strait_html_text(out, title));
    STRAIT_TRY(strait_buffer_printf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", LEFT + WIDE + 40,
                                    height));
    for (int i = 0; i <= TICKS && step > 0; i++) {
        int x = LEFT + WIDE * i / TICKS;
        STRAIT_TRY(strait_buffer_printf(out,
                                        "<line class=\"tick\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
                                        "<text class=\"tick\" x=\"%d\" y=\"%d\">%.4g</text>\n",
                                        x, TOP - 10, x, height - 22, x, height - 6, step * i));
    }
    return STRAIT_OK;
}

static strait_status label(strait_buffer *out, const char *name, int y)
{
    STRAIT_TRY(strait_buffer_printf(out, "<text class=\"name\" x=\"%d\" y=\"%d\">", LEFT - 10, y + 13));
    STRAIT_TRY(strait_html_text(out, name));
    return strait_buffer_printf(out, "</text>");
}

static double at(double value, double step)
{
    return LEFT + WIDE * value / (step * TICKS);
}

strait_status strait_html_ranges(strait_buffer *out, const char *title, const strait_html_range *rows, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].range.high > most) most = rows[i].range.high;
        if (isfinite(rows[i].limit) && rows[i].limit > most) most = rows[i].limit;
    }
    double step = most > 0 ? step_for(most) : 0;
    STRAIT_TRY(begin(out, title, count, step));
    for (size_t i = 0; i < count; i++) {
        const strait_html_range *r = &rows[i];
        int y = TOP + ROW * (int)i;
        STRAIT_TRY(label(out, r->name, y));
        if (isnan(r->range.mid) || step == 0) {
            STRAIT_TRY(strait_buffer_printf(out, "<text class=\"unknown\" x=\"%d\" y=\"%d\">unknown</text>\n", LEFT + 6,
                                            y + 13));
            continue;
        }
        double x = at(r->range.low, step);
        STRAIT_TRY(strait_buffer_printf(
            out,
            "<rect class=\"range\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"12\" rx=\"3\"/>"
            "<line class=\"mid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/><text class=\"value\" x=\"%.1f\" "
            "y=\"%d\">%.*f</text>\n",
            x, y + 3, at(r->range.high, step) - x, at(r->range.mid, step), y, at(r->range.mid, step), y + 18,
            at(r->range.mid, step) + 4, y + 1, strait_range_digits(r->range.mid), r->range.mid));
        if (isfinite(r->limit)) {
            STRAIT_TRY(strait_buffer_printf(out,
                                            "<line class=\"limit\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n",
                                            at(r->limit, step), y - 4, at(r->limit, step), y + 22));
        }
    }
    return strait_buffer_printf(out, "</svg></figure>\n");
}

static strait_status legend(strait_buffer *out, const char *const *names, size_t count)
{
    STRAIT_TRY(strait_buffer_printf(out, "<p class=\"legend\">"));
    for (size_t i = 0; i < count; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "<span class=\"swatch p%d\"></span>", (int)i));
        STRAIT_TRY(strait_html_text(out, names[i]));
        STRAIT_TRY(strait_buffer_printf(out, " "));
    }
    return strait_buffer_printf(out, "<span class=\"swatch room\"></span>room</p>\n");
}

strait_status strait_html_stacks(strait_buffer *out, const char *title, const char *const *part_names,
                                 size_t part_count, const strait_html_stack *rows, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < part_count; k++) sum += rows[i].parts[k];
        if (sum > most) most = sum;
        if (isfinite(rows[i].room) && rows[i].room > most) most = rows[i].room;
    }
    double step = most > 0 ? step_for(most) : 0;
    STRAIT_TRY(begin(out, title, count, step));
    for (size_t i = 0; i < count && step > 0; i++) {
        int y = TOP + ROW * (int)i;
        double sum = 0;
        STRAIT_TRY(label(out, rows[i].name, y));
        for (size_t k = 0; k < part_count; k++) {
            if (!(rows[i].parts[k] > 0)) continue;
            STRAIT_TRY(strait_buffer_printf(
                out, "<rect class=\"p%d\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"14\"><title>", (int)k,
                at(sum, step), y + 2, at(sum + rows[i].parts[k], step) - at(sum, step)));
            STRAIT_TRY(strait_html_text(out, part_names[k]));
            STRAIT_TRY(strait_buffer_printf(out, " %.3g</title></rect>", rows[i].parts[k]));
            sum += rows[i].parts[k];
        }
        if (isfinite(rows[i].room)) {
            STRAIT_TRY(strait_buffer_printf(out,
                                            "<line class=\"limit\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n",
                                            at(rows[i].room, step), y - 4, at(rows[i].room, step), y + 22));
        }
    }
    STRAIT_TRY(strait_buffer_printf(out, "</svg>\n"));
    STRAIT_TRY(legend(out, part_names, part_count));
    return strait_buffer_printf(out, "</figure>\n");
}
