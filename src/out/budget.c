/* What the probes may cost, and what was not measured for it, in words. */
#include "out/out.h"

static void put_percent(buf_t *b, double part)
{
    const double n = part * 100;
    buf_printf(b, n > 0 && n < 9.95 && n != (double)(int)n ? "%.1f %%" : "%.0f %%", n);
}

void out_budget(buf_t *b, const rj_budget *budget)
{
    const size_t at = b->n;
    if (budget->share > 0) {
        put_percent(b, budget->share);
        buf_str(b, " of the threads' time");
    }
    if (budget->events) {
        buf_str(b, b->n > at ? ", " : "");
        out_count(b, budget->events);
        buf_str(b, " events a second");
    }
    if (budget->bytes) {
        buf_str(b, b->n > at ? ", " : "");
        out_bytes(b, budget->bytes);
    }
    if (b->n == at) buf_str(b, "any");
}

const char *out_reached_word(unsigned reached)
{
    return reached & RJ_REACHED_MEMORY   ? "memory"
           : reached & RJ_REACHED_TIME   ? "time"
           : reached & RJ_REACHED_EVENTS ? "events"
           : reached & RJ_REACHED_BYTES  ? "bytes"
                                         : "";
}

void out_reached(buf_t *b, unsigned reached, const rj_budget *budget)
{
    if (reached & RJ_REACHED_MEMORY) {
        buf_str(b, "the process's memory is nearly used up");
        return;
    }
    const rj_budget one = {.share = reached & RJ_REACHED_TIME ? budget->share : 0,
                           .events = reached & RJ_REACHED_EVENTS ? budget->events : 0,
                           .bytes = reached & RJ_REACHED_BYTES ? budget->bytes : 0};
    buf_str(b, "the budget of ");
    out_budget(b, &one);
    buf_str(b, " was reached (--budget)");
}

void out_measured(buf_t *b, double part, unsigned reached, const rj_budget *budget)
{
    buf_str(b, "measured ");
    put_percent(b, part);
    buf_str(b, " of the time: ");
    out_reached(b, reached, budget);
}
