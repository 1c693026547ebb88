/* rejit repl: a prompt at one process. */
#include "cli/repl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct repl {
    rj_session *s;
    char pid[16];      /* in figures */
    const char *typed; /* the process, as it was named */
    repl_names names;
    repl_jobs jobs;
    repl_edit *edit; /* NULL: lines come from no terminal */
    char *script;    /* the last of those */
    size_t script_room;
    int code; /* of the last command */
    bool done;
} repl;

/* ---- waiting for a line ---- */

static bool wait_for_key(void *owner)
{
    repl *r = owner;
    return !r->jobs.gone && repl_jobs_wait(&r->jobs, STDIN_FILENO) && !r->jobs.gone;
}

static bool has_news(void *owner)
{
    return repl_jobs_have_news(&((repl *)owner)->jobs);
}

static void show_news(void *owner)
{
    repl_jobs_show(&((repl *)owner)->jobs);
}

static void choose(void *owner, arena *a, const char *text, size_t n, repl_choice *out)
{
    repl_choose(&((repl *)owner)->names, a, text, n, out);
}

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

static const char *next_line(repl *r)
{
    if (r->edit) return repl_edit_line(r->edit);
    if (getline(&r->script, &r->script_room, stdin) < 0) return NULL;
    r->script[strcspn(r->script, "\r\n")] = 0;
    return r->script;
}

/* ---- what it says ---- */

static void list_jobs(const repl *r)
{
    buf_t b = {0};
    for (size_t i = 0; i < REPL_JOBS_MOST; i++) {
        const repl_job *job = &r->jobs.all[i];
        if (!job->number) continue;
        buf_printf(&b, "[%u] ", job->number);
        out_safe_text(&b, job->text ? job->text : "");
        buf_u8(&b, '\n');
    }
    if (!b.n) buf_str(&b, "nothing runs behind the prompt\n");
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
}

#define WIDTH 28 /* of commands and their arguments in the overview */

static void overview(void)
{
    buf_t b = {0};
    buf_str(&b, "Commands for this process; with & at the end they run behind the prompt:\n\n");
    for (int i = 0; i < VERBS; i++)
        if (repl_takes_pid(&verbs[i]) && i != VERB_REPL)
            help_row(&b, WIDTH, verbs[i].name, verbs[i].args + 3 + strspn(verbs[i].args + 3, " "), verbs[i].summary);
    buf_str(&b, "\nand\n\n");
    help_row(&b, WIDTH, "ps", "", verbs[VERB_PS].summary);
    help_row(&b, WIDTH, "help", "[VERB]", verbs[VERB_HELP].summary);
    for (const repl_builtin *x = repl_builtins; x->name; x++)
        help_row(&b, WIDTH, x->name, x->args, x->summary);
    console_write(STDOUT_FILENO, &b);
    buf_free(&b);
}

/* ---- commands ---- */

/* fg and kill */
static void with_job(repl *r, const repl_line *l)
{
    repl_job *job = repl_job_find(&r->jobs, l->count > 1 ? l->words[1] : NULL);
    r->code = job ? EXIT_DONE : EXIT_USAGE;
    if (!job && l->count > 1)
        console_say("there is no job %s (see jobs)", l->words[1]);
    else if (!job)
        console_say("nothing runs behind the prompt");
    else if (strcmp(l->words[0], "kill") == 0 && job->process)
        kill(job->process, SIGINT);
    else if (strcmp(l->words[0], "fg") == 0)
        r->code = repl_job_follow(&r->jobs, job);
}

static bool built_in(repl *r, const repl_line *l)
{
    const char *name = l->words[0];
    r->code = EXIT_DONE;
    if (strcmp(name, "exit") == 0 || strcmp(name, "quit") == 0)
        r->done = true;
    else if (strcmp(name, "jobs") == 0)
        list_jobs(r);
    else if (strcmp(name, "fg") == 0 || strcmp(name, "kill") == 0)
        with_job(r, l);
    else if (strcmp(name, "help") == 0 && l->count == 1)
        overview();
    else
        return false;
    return true;
}

/* The command's own arguments: the pid is put in, where it was not typed out of habit. */
static void run(repl *r, const repl_line *l, const char *text)
{
    char program[] = "rejit";
    char *argv[REPL_WORDS_MOST + 4] = {program};
    size_t n = 1, from = 1;
    const verb_id id = verb_named(l->words[0]);
    if (id == VERB_RUN || id == VERB_REPL) {
        console_say("%s is not for the prompt: use it in a shell", verbs[id].name);
        r->code = EXIT_USAGE;
        return;
    }
    argv[n++] = l->words[0];
    if (id < VERBS && repl_takes_pid(&verbs[id])) {
        argv[n++] = r->pid;
        if (l->count > 1 && (strcmp(l->words[1], r->pid) == 0 || strcmp(l->words[1], r->typed) == 0)) from = 2;
    }
    for (size_t i = from; i < l->count; i++)
        argv[n++] = l->words[i];
    if (!l->background) {
        r->code = repl_foreground(&r->jobs, argv);
        return;
    }
    const repl_job *job = repl_background(&r->jobs, argv, text);
    r->code = job ? EXIT_DONE : EXIT_UNREACHABLE;
    if (job && r->edit) printf("[%u]\n", job->number);
    fflush(stdout);
}

static void obey(repl *r, const char *text)
{
    arena a = {0};
    repl_line l;
    const char *why = NULL;
    const bool comment = text[strspn(text, " \t")] == '#';
    if (comment) return;
    if (!repl_split(&a, text, &l, &why)) {
        console_say("%s", why);
        r->code = EXIT_USAGE;
    } else if (l.count && !built_in(r, &l)) {
        run(r, &l, text);
    }
    arena_free(&a);
}

static void loop(repl *r)
{
    while (!r->done && !r->jobs.gone) {
        const char *text = next_line(r);
        if (text) obey(r, text);
        if (r->edit && interrupt_signal() == SIGINT) {
            interrupt_clear(); /* it was meant for the line */
            if (!text) say("^C");
            continue;
        }
        r->done |= !text || interrupt_signal();
        if (r->edit && !text) say("");
        if (!r->edit) repl_jobs_show(&r->jobs);
    }
}

/* ---- from start to end ---- */

/* "Shop 4711> " */
static char *prompt_for(arena *a, int32_t pid)
{
    rj_processes ps = {.count = 0};
    char *prompt = NULL;
    if (rj_ps(&ps, NULL)) {
        for (size_t i = 0; i < ps.count && !prompt; i++)
            if (ps.items[i].pid == pid && *ps.items[i].entry) {
                buf_t name = {0};
                out_safe_text(&name, ps.items[i].entry);
                prompt = arena_printf(a, "%s %d> ", buf_cstr(&name), pid);
                buf_free(&name);
            }
        rj_free(ps.memory);
    }
    return prompt ? prompt : arena_printf(a, "%d> ", pid);
}

static void greet(const repl *r)
{
    const rj_state *state = rj_session_state(r->s);
    printf("process %s, .NET %s; help lists the commands, Tab completes, Ctrl-D ends\n", r->pid, state->runtime);
    fflush(stdout);
}

int verb_repl(const options *o)
{
    int code;
    arena a = {0};
    repl r = {.typed = o->args[0]};
    r.s = target_open(o->args[0], VERB_REPL, true, &code);
    if (!r.s) return code;
    r.names.s = r.s;
    const int32_t pid = rj_session_state(r.s)->pid;
    snprintf(r.pid, sizeof r.pid, "%d", pid);
    const bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    interrupt_keep();
    repl_jobs_init(&r.jobs, r.s, terminal);
    const repl_host host = {&r, wait_for_key, has_news, show_news, choose};
    if (terminal) {
        const char *prompt = prompt_for(&a, pid);
        r.edit = prompt ? repl_edit_open(prompt, &host) : NULL;
        greet(&r);
    }
    loop(&r);
    repl_jobs_end(&r.jobs);
    if (r.jobs.gone) r.code = console_error(&r.jobs.why);
    if (r.edit) repl_edit_close(r.edit);
    repl_names_free(&r.names);
    rj_close(r.s);
    free(r.script);
    arena_free(&a);
    return terminal && !r.jobs.gone ? EXIT_DONE : r.code;
}
