/* The start of a small program with and without the agent in it. */
#include "bench.h"

#include <unistd.h>

#define PAIRS 40u

typedef struct side {
    char *const *environment;
    samples ms, cpu_ms;
} side;

/* From the start to the first line that Main prints. */
static void one_start(const bench_options *o, side *s)
{
    char file[4096], line[256], dotnet[] = "dotnet", word[] = "hello";
    snprintf(file, sizeof file, "%s/Startup/Startup.dll", o->apps);
    char *arguments[] = {dotnet, file, word, NULL};
    double began = now_ns();
    app a = app_start(arguments, s->environment, ANY_CPU, false);
    app_line(&a, line, sizeof line);
    sample(&s->ms, (now_ns() - began) / 1e6);
    if (app_end(&a)) die("the program Startup failed");
    sample(&s->cpu_ms, a.cpu_ms);
}

void bench_startup(const bench_options *o)
{
    rj_environment with;
    rj_error e;
    if (!rj_launch_environment(environ, NULL, false, false, &with, &e)) die("%s", e.text);
    side sides[] = {{.environment = environ}, {.environment = with.items}};
    unsigned pairs = o->quick ? 3 : PAIRS;
    for (unsigned i = 0; i < pairs; i++) { /* A B, B A, ... */
        one_start(o, &sides[i % 2]);
        one_start(o, &sides[1 - i % 2]);
    }
    rj_free(with.memory);
    samples more = difference(&sides[1].ms, &sides[0].ms), more_cpu = difference(&sides[1].cpu_ms, &sides[0].cpu_ms);
    print_figure(&(figure){.key = "start", .what = "start of a small program, bare", .unit = "ms", .of = &sides[0].ms});
    print_figure(
        &(figure){.key = "start-agent", .what = "the same with the agent in it", .unit = "ms", .of = &sides[1].ms});
    print_figure(
        &(figure){.key = "start-more", .what = "more than bare, by pairs", .unit = "ms", .of = &more, .target = 2});
    print_figure(
        &(figure){.key = "start-cpu", .what = "more CPU time than bare, to its end", .unit = "ms", .of = &more_cpu});
}
