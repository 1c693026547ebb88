/* Medians with their spread, and the line that a figure becomes. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

void sample(samples *s, double v)
{
    if (s->n == SAMPLES_MOST) die("more than %u samples", SAMPLES_MOST);
    s->v[s->n++] = v;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

spread spread_of(const samples *s)
{
    samples sorted = *s;
    if (!s->n) die("a figure without samples");
    qsort(sorted.v, sorted.n, sizeof sorted.v[0], by_size);
    double median = (sorted.v[(sorted.n - 1) / 2] + sorted.v[sorted.n / 2]) / 2;
    return (spread){median, sorted.v[0], sorted.v[sorted.n - 1]};
}

samples difference(const samples *a, const samples *b)
{
    samples d = {0};
    for (size_t i = 0; i < a->n && i < b->n; i++)
        sample(&d, a->v[i] - b->v[i]);
    return d;
}

static int digits(double v)
{
    double size = fabs(v);
    return size < 10 ? 2 : size < 100 ? 1 : 0;
}

static void print_value(double v, const char *unit)
{
    printf("%.*f%s%s|", digits(v), v, *unit ? " " : "", unit);
}

/* How far the median may be off: twice its standard error, from the median of the distances to it. */
static double doubt(const samples *s, double median)
{
    samples distances = {0};
    for (size_t i = 0; i < s->n; i++)
        sample(&distances, fabs(s->v[i] - median));
    return 2 * 1.2533 * 1.4826 * spread_of(&distances).median / sqrt((double)s->n);
}

static const char *verdict(const figure *f, double median)
{
    double over = f->at_least ? f->target - median : median - f->target;
    if (over <= 0) return "ok";
    return over > doubt(f->of, median) ? "missed" : "lost in the noise";
}

void print_figure(const figure *f)
{
    spread s = spread_of(f->of);
    printf("%s|%s|", f->key, f->what);
    print_value(s.median, f->unit);
    print_value(s.least, "");
    print_value(s.most, "");
    printf("%s|", f->relation ? f->relation : "");
    if (f->target > 0)
        printf("%s %g %s|%s\n", f->at_least ? ">=" : "<=", f->target, f->unit, verdict(f, s.median));
    else
        printf("|\n");
    fflush(stdout);
}
