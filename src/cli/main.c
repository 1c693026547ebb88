/* rejit: look into a running .NET process. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static int print_version(void)
{
    buf_t b = {0};
    buf_printf(&b, "rejit %s\n", rj_version());
    bool ok = console_write(STDOUT_FILENO, &b);
    buf_free(&b);
    return ok ? EXIT_DONE : EXIT_UNREACHABLE;
}

static int unknown(const char *word)
{
    const char *nearest = NULL;
    unsigned best = 3;
    for (int i = 0; i < VERBS; i++) {
        unsigned d = text_distance(word, verbs[i].name, best);
        if (d >= best) continue;
        best = d;
        nearest = verbs[i].name;
    }
    if (nearest)
        console_say("there is no verb %s; did you mean %s? (see `rejit help`)", word, nearest);
    else
        console_say("there is no verb %s (see `rejit help`)", word);
    return EXIT_USAGE;
}

static int run_verb(verb_id id, int argc, char **argv)
{
    options o;
    int code = options_parse(id, argc, argv, &o);
    if (code < 0) code = o.help ? help_verb(verbs[id].name) : verbs[id].run(&o);
    VEC_FREE(&o.watched);
    VEC_FREE(&o.into);
    return code;
}

/* rejit PID: a number, or the name of a process that is there. */
static bool is_process(const char *word)
{
    int32_t pid;
    return word[strspn(word, "0123456789")] == 0 || rj_resolve(word, &pid, NULL);
}

int main(int argc, char **argv)
{
    interrupt_watch();
    if (argc < 2) {
        buf_t b = {0};
        help_overview(&b);
        console_write(STDERR_FILENO, &b);
        buf_free(&b);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) return print_version();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return help_verb(NULL);
    const verb_id id = verb_named(argv[1]);
    if (id < VERBS) return run_verb(id, argc - 1, argv + 1);
    return argc == 2 && *argv[1] && is_process(argv[1]) ? run_verb(VERB_REPL, argc, argv) : unknown(argv[1]);
}
