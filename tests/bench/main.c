#include "bench.h"

#include <signal.h>
#include <string.h>

static const struct command {
    const char *name;
    void (*run)(const bench_options *o);
} COMMANDS[] = {{"calls", bench_calls},
                {"attach", bench_attach},
                {"commit", bench_commit},
                {"startup", bench_startup},
                {"shop", bench_shop}};

int main(int count, char **arguments)
{
    bench_options o = {0};
    if (count == 6 && strcmp(arguments[5], "quick") == 0) o.quick = true;
    if (count == 5 || o.quick) {
        o.apps = arguments[2];
        o.rejit = arguments[3];
        o.load = arguments[4];
        signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
            if (strcmp(arguments[1], COMMANDS[i].name) != 0) continue;
            COMMANDS[i].run(&o);
            return 0;
        }
    }
    fputs("usage: rejit_bench calls|attach|commit|startup|shop APPS REJIT LOAD.LUA [quick]\n", stderr);
    return 2;
}
