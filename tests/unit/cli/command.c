/* The command itself, run against a fake agent in this process: its lines, its exit codes. */
#include "../client/fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct run {
    pid_t pid;
    int out, err;
    buf_t text;
} run;

/* Starts `rejit WORDS`; @ stands for the pid of this process. */
static run start(const char *words)
{
    static char copy[512], self[16];
    char *argv[24] = {(char[]){"rejit"}};
    int argc = 1, out[2], err[2];
    snprintf(copy, sizeof copy, "%s", words);
    snprintf(self, sizeof self, "%d", (int)getpid());
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w && argc < 23; w = strtok_r(NULL, " ", &save))
        argv[argc++] = strcmp(w, "@") == 0 ? self : w;
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    run r = {.pid = fork()};
    if (r.pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        execv(REJIT_COMMAND, argv);
        _exit(99);
    }
    close(out[1]);
    close(err[1]);
    r.out = out[0];
    r.err = err[0];
    return r;
}

/* Reads standard output until it holds `what`. */
static void await(run *r, const char *what)
{
    char part[4096];
    while (!strstr(buf_cstr(&r->text), what)) {
        struct pollfd p = {.fd = r->out, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t n = read(r->out, part, sizeof part);
        assert_true(n > 0);
        buf_put(&r->text, part, (size_t)n);
    }
}

/* Reads both to their ends; the exit code. What went to standard error lands in `said`. */
static char said[8192];
static int finish(run *r)
{
    char part[4096];
    size_t used = 0;
    for (ssize_t n; (n = read(r->out, part, sizeof part)) > 0;)
        buf_put(&r->text, part, (size_t)n);
    for (ssize_t n; used < sizeof said - 1 && (n = read(r->err, said + used, sizeof said - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = 0;
    close(r->out);
    close(r->err);
    int status;
    while (waitpid(r->pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_whole(run *r, const char *words)
{
    *r = start(words);
    return finish(r);
}

static void end(run *r)
{
    buf_free(&r->text);
}

static void add_probe(fake *f)
{
    static const fake_value n = {
        .name = "n", .type = "int", .how = WIRE_PRIMITIVE, .slot = sizeof(wire_event), .element = 8};
    fake_probe(f, 1, "T.M(int)", "T.dll", &n, 1);
}

static void call(fake *f, int32_t n)
{
    wire_event v = {.kind = WIRE_EV_RETURN, .probe = 1, .tid = 7, .start = 2000, .elapsed = 200};
    fake_slot(f, 1)->entered++;
    fake_slot(f, 1)->left++;
    fake_event(f, 1, &v, &(int64_t){n}, 8);
}

static void watch_prints_calls_and_ends_at_the_count(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    run r = start("watch @ T.M --json --count 2");
    await(&r, "\"start\"");
    call(&f, 1);
    call(&f, 2);
    assert_int_equal(finish(&r), 0);
    char want[1024];
    snprintf(want, sizeof want,
             "{\"event\":\"start\",\"methods\":1,\"refused\":[]}\n"
             "{\"time\":1700000000000000500,\"pid\":%d,\"thread\":7,\"method\":\"T.M(int)\",\"module\":\"T.dll\","
             "\"event\":\"return\",\"elapsed_"
             "ns\":100,\"args\":{\"n\":1}}\n"
             "{\"time\":1700000000000000500,\"pid\":%d,\"thread\":7,\"method\":\"T.M(int)\",\"module\":\"T.dll\","
             "\"event\":\"return\",\"elapsed_"
             "ns\":100,\"args\":{\"n\":2}}\n"
             "{\"event\":\"end\",\"calls\":2,\"dropped\":0,\"in_flight\":0,\"reason\":\"count\"}\n",
             (int)getpid(), (int)getpid());
    assert_string_equal(buf_cstr(&r.text), want);
    assert_false(f.open);
    assert_int_equal(f.asked[WIRE_UNINSTRUMENT], 1);
    end(&r);
    fake_stop(&f);
}

static void an_interrupt_ends_it_cleanly(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    run r = start("watch @ T.M --json");
    await(&r, "\"start\"");
    call(&f, 1);
    await(&r, "\"n\":1");
    kill(r.pid, SIGINT);
    assert_int_equal(finish(&r), 0);
    assert_non_null(
        strstr(buf_cstr(&r.text),
               "{\"event\":\"end\",\"calls\":1,\"dropped\":0,\"in_flight\":0,\"reason\":\"interrupted\"}\n"));
    assert_false(f.open);
    assert_int_equal(f.asked[WIRE_UNINSTRUMENT], 1);
    end(&r);
    fake_stop(&f);
}

static void the_end_of_the_connection_is_exit_6(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    run r = start("watch @ T.M --json");
    await(&r, "\"start\"");
    call(&f, 5);
    fake_hang_up(&f);
    assert_int_equal(finish(&r), 6);
    assert_non_null(strstr(buf_cstr(&r.text), "\"n\":5")); /* what was left behind */
    assert_non_null(strstr(buf_cstr(&r.text), "\"event\":\"end\",\"calls\":1"));
    end(&r);
    fake_stop(&f);
}

static void a_refusal_is_exit_5(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    size_t g = wire_open(&f.probes, WIRE_T_REFUSED);
    wire_text(&f.probes, WIRE_T_NAME, "T.N()");
    wire_text(&f.probes, WIRE_T_REASON, "it is abstract");
    wire_close(&f.probes, g);
    run r;
    assert_int_equal(run_whole(&r, "watch @ T.* --json --duration 0.05"), 5);
    assert_non_null(strstr(buf_cstr(&r.text), "\"refused\":[{\"method\":\"T.N()\",\"reason\":\"it is abstract\"}]"));
    assert_non_null(strstr(buf_cstr(&r.text), "\"reason\":\"duration\""));
    end(&r);
    assert_int_equal(run_whole(&r, "watch @ T.* --duration 0.05"), 5);
    assert_non_null(strstr(said, "refused T.N(): it is abstract"));
    end(&r);
    fake_stop(&f);
}

static void no_match_is_exit_4(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    wire_text(&f.probes, WIRE_T_NEAREST, "T.Mood");
    run r;
    assert_int_equal(run_whole(&r, "stat @ T.Moo --json"), 4);
    assert_string_equal(said, "rejit: no method matches T.Moo; near it: T.Mood\n");
    assert_string_equal(buf_cstr(&r.text), "");
    end(&r);
    fake_stop(&f);
}

static void stat_prints_a_table_each_interval(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    *fake_stat(&f, 1, 1) = (wire_stat){.calls = 10, .errors = 1, .sum = 2000, .max = 200};
    fake_stat(&f, 1, 1)->bucket[wire_bucket(200)] = 10;
    run r;
    assert_int_equal(run_whole(&r, "stat @ T.M --interval 0.05 --duration 0.12"), 0);
    assert_non_null(strstr(buf_cstr(&r.text), "CALLS"));
    assert_non_null(strstr(buf_cstr(&r.text), "T.M(int)"));
    assert_non_null(strstr(said, "10 calls (duration)"));
    end(&r);
    assert_int_equal(run_whole(&r, "stat @ T.M --json --count 5"), 0);
    assert_non_null(strstr(buf_cstr(&r.text), "\"calls\":10,"));
    assert_non_null(strstr(buf_cstr(&r.text), "\"mean_ns\":100,"));
    assert_non_null(strstr(buf_cstr(&r.text),
                           "{\"event\":\"end\",\"calls\":10,\"dropped\":0,\"in_flight\":0,\"reason\":\"count\"}"));
    end(&r);
    fake_stop(&f);
}

static void a_closed_pipe_ends_it(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    add_probe(&f);
    run r = start("watch @ T.M --json");
    await(&r, "\"start\"");
    close(r.out);
    r.out = open("/dev/null", O_RDONLY);
    call(&f, 1);
    assert_int_equal(finish(&r), 0);
    assert_int_equal(f.asked[WIRE_UNINSTRUMENT], 1);
    end(&r);
    fake_stop(&f);
}

static void small_verbs_answer(void **state)
{
    (void)state;
    fake f;
    fake_start(&f);
    run r;
    assert_int_equal(run_whole(&r, "attach @"), 0);
    assert_non_null(strstr(buf_cstr(&r.text), "was there already, ready"));
    end(&r);
    assert_int_equal(run_whole(&r, "revert @ --all"), 2); /* no terminal to ask on */
    assert_non_null(strstr(said, "--yes"));
    end(&r);
    assert_int_equal(run_whole(&r, "revert @ --all --yes"), 0);
    assert_string_equal(buf_cstr(&r.text), "0 methods reverted\n");
    end(&r);
    assert_int_equal(run_whole(&r, "--version"), 0);
    assert_non_null(strstr(buf_cstr(&r.text), rj_version()));
    end(&r);
    fake_stop(&f);
    assert_int_equal(run_whole(&r, "list @"), 3);
    end(&r);
}

static void usage_is_exit_2(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "frobnicate",
        "watch",
        "watch @",
        "watch @ A.B --nope",
        "watch @ A(B",
        "watch @ A.B --if ((",
        "stat @ A.B --interval x",
        "attach @ more",
    };
    for (size_t i = 0; i < RJ_COUNT(wrong); i++) {
        run r;
        if (run_whole(&r, wrong[i]) != 2) fail_msg("rejit %s", wrong[i]);
        assert_true(*said);
        assert_string_equal(buf_cstr(&r.text), "");
        end(&r);
    }
}

static void run_passes_on_what_the_program_says(void **state)
{
    (void)state;
    run r;
    assert_int_equal(run_whole(&r, "run -- true"), 0);
    end(&r);
    assert_int_equal(run_whole(&r, "run -- false"), 1);
    end(&r);
    assert_int_equal(run_whole(&r, "run -- /nonexistent/program"), 127);
    end(&r);
    assert_int_equal(run_whole(&r, "run --watch X.Y -- false"), 1); /* it ends before there is an agent */
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_prints_calls_and_ends_at_the_count),
        cmocka_unit_test(an_interrupt_ends_it_cleanly),
        cmocka_unit_test(the_end_of_the_connection_is_exit_6),
        cmocka_unit_test(a_refusal_is_exit_5),
        cmocka_unit_test(no_match_is_exit_4),
        cmocka_unit_test(stat_prints_a_table_each_interval),
        cmocka_unit_test(a_closed_pipe_ends_it),
        cmocka_unit_test(small_verbs_answer),
        cmocka_unit_test(usage_is_exit_2),
        cmocka_unit_test(run_passes_on_what_the_program_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
