/* rejit top: the busiest methods, live, on the whole screen. */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_MS   100 /* how long a signal, or news, may wait */
#define EVENTS_MS 20  /* the same for events: their rings fill up */

/* ---- moving on ---- */

void top_refresh(top *t)
{
    rj_error e = {0};
    unsigned columns, rows;
    top_screen_size(&columns, &rows);
    bool ok = t->about.paused || top_groups_read(&t->groups, &t->model, &e);
    if (ok && !t->about.paused) top_model_arrange(&t->model);
    if (ok && t->mode == TOP_METHOD) ok = top_tab_refresh(&t->tab, &t->groups, t->row, columns);
    if (!ok) top_failed(t, &e);
    t->about.refused = t->groups.refused;
    t->about.measured = t->groups.measured;
    t->about.dropped = t->groups.dropped;
}

/* True where there is something new to be seen. */
static bool tick(top *t)
{
    const uint64_t now = clock_ms();
    if (now < t->next_ms) return false;
    t->next_ms += t->o->interval_ms;
    if (t->next_ms <= now) t->next_ms = now + t->o->interval_ms;
    if (t->about.paused) return false;
    top_refresh(t);
    return true;
}

static bool hear(top *t)
{
    if (top_groups_poll(&t->groups, &t->error) && top_tab_poll(&t->tab, &t->error)) {
        if (!t->groups.said.n) return false;
        t->message.n = 0;
        buf_put(&t->message, t->groups.said.p, t->groups.said.n);
        t->groups.said.n = 0;
        return true;
    }
    t->gone = true;
    return false;
}

/* Waits for a key, no longer than until something else wants to be looked at. False: nobody is at the terminal. */
static bool wait_for_key(const top *t)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    const uint64_t now = clock_ms(), left = t->next_ms > now ? t->next_ms - now : 0;
    const uint64_t most = t->tab.s ? EVENTS_MS : LOOK_MS;
    return poll(&p, 1, (int)RJ_MIN(left, most)) >= 0 ? !(p.revents & (POLLHUP | POLLERR | POLLNVAL)) : errno == EINTR;
}

static void run(top *t)
{
    bool changed = true;
    t->next_ms = clock_ms() + t->o->interval_ms;
    while (!t->done && !t->gone && !interrupt_signal()) {
        if (changed) top_draw(t);
        changed = false;
        if (!wait_for_key(t)) return;
        for (uint32_t key; !t->done && !t->gone && (key = top_screen_key()) != TOP_KEY_NONE; changed = true)
            top_key(t, key);
        if (t->done || t->gone) return;
        changed |= hear(t);
        changed |= tick(t);
    }
}

/* ---- beginning and end ---- */

/* Its name and age; `ps` must stay as long as they are used. */
static void describe(top *t, const rj_processes *ps)
{
    for (size_t i = 0; i < ps->count; i++) {
        if (ps->items[i].pid != t->about.pid) continue;
        t->about.program = ps->items[i].entry;
        t->started_ns = ps->items[i].started;
    }
}

/* The methods to begin with: those asked for, whose errors are those of every verb. Answers an exit code, or -1. */
static int first_patterns(top *t)
{
    rj_error e = {0};
    if (t->o->arg_count < 2) return -1;
    console_progress("instrumenting");
    const bool ok = top_groups_add(&t->groups, &t->model, (const char *const *)t->o->args + 1, t->o->arg_count - 1, &e);
    console_progress(NULL);
    if (!ok) return target_refused(t->o, &e);
    buf_put(&t->message, t->groups.said.p, t->groups.said.n);
    t->groups.said.n = 0;
    if (top_model_count(&t->model) || !t->groups.refused) return -1;
    for (size_t i = 0; i < t->groups.refusals.n; i++)
        console_say("refused %s", t->groups.refusals.v[i]);
    return EXIT_REFUSED;
}

/* Nothing was asked for: the program's own methods, where they are not too many; otherwise a pattern is asked for. */
static void first_methods(top *t)
{
    buf_t own = {0};
    if (t->o->arg_count > 1) return;
    if (*t->about.program) buf_printf(&own, "%s!*", t->about.program);
    if (!own.n || !top_add(t, buf_cstr(&own))) top_ask_pattern(t, "");
    buf_free(&own);
}

static int show(top *t)
{
    const char *why;
    int code = first_patterns(t);
    if (code >= 0) return code;
    if (!top_screen_open(&why)) {
        console_say("%s: `rejit stat` prints the same figures anywhere", why);
        return EXIT_USAGE;
    }
    interrupt_keep();
    t->groups.progress = top_draw_progress;
    first_methods(t);
    top_refresh(t);
    run(t);
    top_screen_close();
    if (t->gone) return console_error(&t->error);
    return EXIT_DONE;
}

static void clean_up(top *t)
{
    top_tab_free(&t->tab);
    top_groups_free(&t->groups);
    top_model_free(&t->model);
    buf_free(&t->text);
    buf_free(&t->typed);
    buf_free(&t->message);
}

int verb_top(const options *o)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        console_say("top needs a terminal; `rejit stat` prints the same figures anywhere");
        return EXIT_USAGE;
    }
    int code = target_check(o, (const char *const *)o->args + 1, o->arg_count - 1);
    if (code >= 0) return code;
    rj_session *s = target_open(o->args[0], VERB_TOP, true, &code);
    if (!s) return code;
    const rj_state *state = rj_session_state(s);
    buf_t runtime = {0};
    buf_str(&runtime, state->runtime);
    top t = {.o = o, .about = {.pid = state->pid, .program = "", .runtime = buf_cstr(&runtime), .measured = 1}};
    t.groups = (top_groups){.o = o, .pid = state->pid, .spare = s, .measured = 1};
    t.model.sort = TOP_BY_SHARE;
    t.style.colour = console_colour(STDOUT_FILENO);
    rj_processes ps = {0};
    if (rj_ps(&ps, NULL)) describe(&t, &ps);
    code = show(&t);
    clean_up(&t);
    rj_free(ps.memory);
    buf_free(&runtime);
    return code;
}
