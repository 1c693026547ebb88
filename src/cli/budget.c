/* --budget: "10%", "off", "time=10%,events=50000,memory=64M". */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BUDGET_SHARE  0.25
#define BUDGET_EVENTS 1000000u
#define BUDGET_BYTES  ((uint64_t)256 << 20)

void budget_default(rj_budget *b)
{
    *b = (rj_budget){.share = BUDGET_SHARE, .events = BUDGET_EVENTS, .bytes = BUDGET_BYTES};
}

/* "12.5%", "12.5": at least a thousandth, as the agent counts. */
static bool share_of(const char *text, double *out)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || !(isdigit((unsigned char)*text) || *text == '.') || !isfinite(v)) return false;
    end += *end == '%';
    *out = v / 100;
    return !*end && v >= 0.1 && v <= 100;
}

/* "500000", "64M": with k, M, G of `unit`. */
static bool amount_of(const char *text, uint64_t unit, uint64_t *out)
{
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno || !v) return false;
    const char *u = *end ? strchr(units, *end) : NULL;
    for (long i = 0; u && i <= u - units; i++) {
        if (v > UINT64_MAX / unit) return false;
        v *= unit;
    }
    *out = v;
    return !*end || (u && !end[1]);
}

static bool is_off(const char *text)
{
    return strcmp(text, "off") == 0 || strcmp(text, "any") == 0;
}

/* "events=50000" */
static bool part_of(char *text, rj_budget *b)
{
    char *value = strchr(text, '=');
    if (!value) return share_of(text, &b->share);
    *value++ = 0;
    const bool off = is_off(value);
    if (strcmp(text, "time") == 0) {
        if (off) b->share = 0;
        return off || share_of(value, &b->share);
    }
    if (strcmp(text, "events") == 0) {
        if (off) b->events = 0;
        return off || amount_of(value, 1000, &b->events);
    }
    if (strcmp(text, "memory") == 0) {
        if (off) b->bytes = 0;
        return off || amount_of(value, 1024, &b->bytes);
    }
    return false;
}

bool budget_parse(const char *text, rj_budget *b)
{
    char copy[128];
    if (is_off(text)) {
        *b = (rj_budget){0};
        return true;
    }
    if (!*text || strlen(text) >= sizeof copy) return false;
    memcpy(copy, text, strlen(text) + 1);
    bool ok = true;
    for (char *at = copy; ok && at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma++ = 0;
        ok = part_of(at, b);
        at = comma;
    }
    return ok;
}
