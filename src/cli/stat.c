/* rejit stat: a table of the methods, made in the target. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct table {
    rj_stats before;
    uint64_t before_ms, next_ms;
    size_t lines; /* on the screen */
    bool in_place;
} table;

static void put_json(stream *st, const rj_stats *now, const out_rate *rate)
{
    for (size_t i = 0; i < now->count; i++)
        out_json_stat(&st->line, now, i, rate, rj_session_state(st->s)->pid, clock_ns(CLOCK_REALTIME), st->o->hist);
}

static void put_text(stream *st, table *t, const rj_stats *now, const out_rate *rate)
{
    unsigned columns = 0, rows = 0;
    if (t->in_place) {
        console_size(st->fd, &columns, &rows);
        if (t->lines) buf_printf(&st->line, "\033[%zuA\033[J", t->lines);
    } else if (t->before.memory) {
        buf_u8(&st->line, '\n');
    }
    t->lines = out_stat_table(&st->line, now, rate, columns, rows, &st->style);
}

static void show(stream *st, uint64_t now_ms)
{
    table *t = st->own;
    rj_stats now;
    rj_error e;
    if (!rj_read_stats(st->s, &now, &e)) return;
    out_rate rate = {.seconds = (double)(now_ms - t->before_ms) / 1000, .before = &t->before, .budget = &st->o->budget};
    if (st->o->json)
        put_json(st, &now, &rate);
    else
        put_text(st, t, &now, &rate);
    if (!console_write(st->fd, &st->line)) st->broken = true;
    rj_free(t->before.memory);
    t->before = now;
    t->before_ms = now_ms;
}

static bool tick(stream *st, uint64_t now_ms)
{
    table *t = st->own;
    if (!t->before_ms) {
        t->before_ms = st->began_ms;
        t->next_ms = st->began_ms + st->o->interval_ms;
    }
    if (now_ms < t->next_ms) return true;
    show(st, now_ms);
    t->next_ms += st->o->interval_ms;
    if (t->next_ms <= now_ms) t->next_ms = now_ms + st->o->interval_ms;
    return true;
}

/* Below the last table: those that took most time first, as in the table. */
static void put_histograms(stream *st, const rj_stats *s)
{
    unsigned columns = 0, rows = 0;
    if (isatty(st->fd)) console_size(st->fd, &columns, &rows);
    const rj_stat **order = out_stat_order(s);
    for (size_t i = 0; order && order[i]; i++)
        out_histogram(&st->line, order[i], columns, &st->style);
    free(order);
    if (!console_write(st->fd, &st->line)) st->broken = true;
}

/* The last table holds everything up to the end. */
static void finish(stream *st)
{
    table *t = st->own;
    if (!st->began_ms) return;
    if (!t->before_ms) t->before_ms = st->began_ms;
    show(st, clock_ms());
    if (st->o->hist && !st->o->json) put_histograms(st, &t->before);
}

int verb_stat(const options *o)
{
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_STAT, true, &code);
    if (!s) return code;
    stream st;
    table t = {.in_place = !o->json && isatty(STDOUT_FILENO)};
    stream_init(&st, o, s, RJ_STAT);
    st.own = &t;
    st.tick = tick;
    st.finish = finish;
    st.count_calls = false;
    code = stream_run(&st);
    rj_free(t.before.memory);
    rj_close(s);
    return code;
}
