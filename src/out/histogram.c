/* The histogram of a method's times. */
#include "out/text-priv.h"

#include <math.h>
#include <stdio.h>

#define BAR_MOST  40u
#define BAR_LEAST 8u
#define BESIDE    52u /* columns that a line takes without its bar */

typedef struct bar {
    uint64_t from, to, calls;
} bar;

/*
 * The range of all times in steps of the same ratio, which is that of the target's buckets (eight to a power of two) or
 * larger. A bucket belongs to the step that its middle lies in.
 */
static unsigned lay_out(const rj_stat *s, bar *bars)
{
    if (!s->bucket_count) return 0;
    const double least = 1.125; /* of a bucket at the beginning of its power of two */
    double low = RJ_MAX((double)s->buckets[0].from, 1), high = (double)s->buckets[s->bucket_count - 1].to;
    double steps = ceil(log(RJ_MAX(high / low, least)) / log(least));
    unsigned n = (unsigned)RJ_MIN(steps, (double)OUT_BARS_MOST);
    double ratio = pow(RJ_MAX(high / low, least), 1.0 / n);
    for (unsigned i = 0; i < n; i++)
        bars[i] = (bar){(uint64_t)(low * pow(ratio, i)), (uint64_t)(low * pow(ratio, i + 1)), 0};
    for (size_t i = 0; i < s->bucket_count; i++) {
        double middle = ((double)s->buckets[i].from + (double)s->buckets[i].to) / 2;
        double at = middle > low ? log(middle / low) / log(ratio) : 0;
        bars[(unsigned)RJ_MIN(at, (double)n - 1)].calls += s->buckets[i].calls;
    }
    return n;
}

static void put_bar(buf_t *b, const bar *x, uint64_t most, uint64_t all, unsigned width)
{
    buf_t from = {0}, to = {0}, calls = {0};
    unsigned filled = (unsigned)ceil((double)x->calls / (double)most * width);
    out_duration(&from, x->from);
    out_duration(&to, x->to);
    out_count(&calls, x->calls);
    buf_printf(b, "  %9s ..%9s |%-*.*s| %13s  %5.1f %%\n", buf_cstr(&from), buf_cstr(&to), (int)width, (int)filled,
               "########################################", buf_cstr(&calls), 100.0 * (double)x->calls / (double)all);
    buf_free(&from);
    buf_free(&to);
    buf_free(&calls);
}

void out_histogram(buf_t *b, const rj_stat *s, unsigned columns, const out_style *style)
{
    bar bars[OUT_BARS_MOST];
    unsigned n = lay_out(s, bars), width = BAR_MOST;
    uint64_t most = 1, all = 0;
    if (columns) width = columns > BESIDE + BAR_LEAST ? RJ_MIN(columns - BESIDE, BAR_MOST) : BAR_LEAST;
    for (unsigned i = 0; i < n; i++) {
        most = RJ_MAX(most, bars[i].calls);
        all += bars[i].calls;
    }
    buf_u8(b, '\n');
    coloured(b, style, BOLD);
    out_safe_text(b, s->method);
    coloured(b, style, RESET);
    if (s->keyed != RJ_ALL_CALLS) {
        buf_str(b, "  ");
        out_stat_key(b, s);
    }
    buf_u8(b, '\n');
    for (unsigned i = 0; i < n; i++)
        put_bar(b, &bars[i], most, all, width);
}
