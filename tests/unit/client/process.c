/* What is read of processes, the agent's file, and the preconditions, on processes that this test makes. */
#include "client/agentfile.h"
#include "client/attach.h"
#include "client/proc.h"
#include "client/sock.h"
#include "rejit-version.h"
#include "rejit/rejit.h"
#include "wire/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/rejit-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command); /* NOLINT(cert-env33-c): a directory of our own naming */
}

/* A child that waits until its standard input ends. */
static pid_t spawn(char *const env[], int *in)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[0], 0);
        execle("/bin/cat", "cat", "-u", "-", (char *)NULL, env);
        _exit(127);
    }
    close(p[0]);
    *in = p[1];
    /* It is `cat` as soon as its command line says so. */
    for (;;) {
        arena a = {0};
        bool there = strncmp(proc_command(&a, (int32_t)pid), "cat ", 4) == 0;
        arena_free(&a);
        if (there) return pid;
        sched_yield();
    }
}

static void end(pid_t pid, int in)
{
    close(in);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void a_process_is_read(void **state)
{
    (void)state;
    char tmp[80];
    snprintf(tmp, sizeof tmp, "TMPDIR=%s", dir);
    char *env[] = {tmp, (char[]){"DOTNET_EnableDiagnostics_IPC=0"}, NULL};
    int in;
    pid_t pid = spawn(env, &in);
    arena a = {0};
    proc_info p;
    err_t e = {0};
    assert_true(proc_read(&a, (int32_t)pid, &p, &e));
    assert_int_equal(p.pid, pid);
    assert_int_equal(p.inner_pid, pid);
    assert_int_equal(p.uid, getuid());
    assert_false(p.other_mount);
    assert_string_equal(p.root, "");
    assert_string_equal(p.tmp, dir);
    assert_string_equal(proc_env(&p, "TMPDIR"), dir);
    assert_null(proc_env(&p, "TMP"));
    assert_string_equal(attach_disabled_by(&p), "DOTNET_EnableDiagnostics_IPC");
    assert_string_equal(proc_command(&a, (int32_t)pid), "cat -u -");
    assert_int_equal(proc_runtime_form(&a, (int32_t)pid, NULL), PROC_OTHER);
    assert_int_equal(proc_parent(&a, (int32_t)pid), getpid());
    char want[128];
    snprintf(want, sizeof want, "%s/rejit-%d.sock", dir, (int)pid);
    assert_string_equal(proc_agent_socket(&a, &p), want);
    arena_free(&a);
    end(pid, in);
    assert_false(proc_read(&a, (int32_t)pid, &p, &e));
    assert_int_equal(e.code, ERR_UNREACHABLE);
    arena_free(&a);
}

static void make_socket(const char *name)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    snprintf(u.sun_path, sizeof u.sun_path, "%s/%s", dir, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&u, sizeof u), 0);
    close(fd);
}

static void the_right_diagnostics_socket_is_chosen(void **state)
{
    (void)state;
    arena a = {0};
    char name[96];
    proc_info p = {.pid = 42, .inner_pid = 42, .start_key = 777, .root = "", .environ = "", .tmp = dir};
    assert_null(proc_diagnostics_socket(&a, &p));
    make_socket("dotnet-diagnostic-42-777-socket");
    make_socket("dotnet-diagnostic-42-999-socket"); /* newer, of another process */
    make_socket("dotnet-diagnostic-421-777-socket");
    const char *found = proc_diagnostics_socket(&a, &p);
    assert_non_null(found);
    snprintf(name, sizeof name, "%s/dotnet-diagnostic-42-777-socket", dir);
    assert_string_equal(found, name);
    p.inner_pid = 421;
    p.start_key = 1; /* an emulated start time: the only one there is taken */
    assert_non_null(proc_diagnostics_socket(&a, &p));
    p.started = ((uint64_t)time(NULL) + 60) * 1000000000u; /* but not that of a process that has ended */
    assert_null(proc_diagnostics_socket(&a, &p));
    arena_free(&a);
}

static void a_stopped_process_is_said_to_be(void **state)
{
    (void)state;
    char *env[] = {NULL};
    int in, status;
    pid_t pid = spawn(env, &in);
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    rj_error e = {0};
    assert_null(rj_attach((int32_t)pid, NULL, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
    assert_non_null(strstr(e.text, "kill -CONT"));
    kill(pid, SIGCONT);
    assert_null(rj_attach((int32_t)pid, NULL, &e));
    assert_non_null(strstr(e.text, "not a .NET process"));
    end(pid, in);
}

static void a_zombie_is_said_to_have_ended(void **state)
{
    (void)state;
    char *env[] = {NULL};
    int in;
    pid_t pid = spawn(env, &in);
    siginfo_t info;
    close(in);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    rj_error e = {0};
    assert_null(rj_attach((int32_t)pid, NULL, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
    assert_non_null(strstr(e.text, "has ended"));
    waitpid(pid, NULL, 0);
}

static void doctor_names_each_failure_with_a_remedy(void **state)
{
    (void)state;
    char *env[] = {(char[]){"DOTNET_EnableDiagnostics=0"}, NULL};
    int in;
    pid_t pid = spawn(env, &in);
    rj_checks c;
    rj_error e = {0};
    assert_true(rj_doctor((int32_t)pid, NULL, &c, &e));
    bool named = false;
    for (size_t i = 0; i < c.count; i++) {
        if (c.items[i].health == RJ_FAILURE) assert_true(*c.items[i].remedy);
        named |= strcmp(c.items[i].name, "diagnostics") == 0 && c.items[i].health == RJ_FAILURE;
    }
    assert_true(named);
    rj_free(c.memory);
    end(pid, in);
}

static const char *write_file(const char *name, const void *bytes, size_t n)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    return path;
}

static void the_agents_file_is_checked(void **state)
{
    (void)state;
    static const char ours[256] =
        "\177ELF............................................................................" WIRE_AGENT_MARK
            REJIT_VERSION;
    static const char old[256] =
        "\177ELF............................................................................" WIRE_AGENT_MARK "0.0.1";
    arena a = {0};
    err_t e = {0};
    const char *path = write_file("ours.so", ours, sizeof ours);
    assert_string_equal(agentfile_find(&a, path, &e), path);
    assert_null(agentfile_find(&a, write_file("old.so", old, sizeof old), &e));
    assert_non_null(strstr(e.text, "has version 0.0.1"));
    assert_null(agentfile_find(&a, write_file("text.so", "no agent", 8), &e));
    assert_non_null(strstr(e.text, "is not an agent"));
    assert_null(agentfile_find(&a, "/nonexistent/agent.so", &e));
    assert_non_null(strstr(e.text, "is missing"));
    assert_int_equal(e.code, ERR_UNREACHABLE);
    arena_free(&a);
}

static void another_mount_namespace_gets_a_copy(void **state)
{
    (void)state;
    static const char ours[256] =
        "\177ELF............................................................................" WIRE_AGENT_MARK
            REJIT_VERSION;
    arena a = {0};
    err_t e = {0};
    char root[80], tmp[96];
    const char *path = arena_strdup(&a, write_file("agent.so", ours, sizeof ours));
    snprintf(root, sizeof root, "%s/root", dir);
    snprintf(tmp, sizeof tmp, "%s/tmp", root);
    assert_int_equal(mkdir(root, 0755), 0);
    assert_int_equal(mkdir(tmp, 0755), 0);
    proc_info p = {
        .pid = 1, .inner_pid = 1, .uid = getuid(), .other_mount = true, .root = root, .environ = "", .tmp = "/tmp"};
    const char *inside = agentfile_for(&a, path, &p, &e);
    assert_non_null(inside);
    assert_non_null(strstr(inside, "/tmp/rejit-agent-" REJIT_VERSION "-"));
    size_t size;
    assert_memory_equal(proc_file(&a, arena_printf(&a, "%s%s", root, inside), &size), ours, sizeof ours);
    assert_int_equal(size, sizeof ours);
    assert_string_equal(agentfile_for(&a, path, &p, &e), inside); /* there already */
    p.root = arena_printf(&a, "%s/nowhere", dir);
    assert_null(agentfile_for(&a, path, &p, &e));
    assert_int_equal(e.code, ERR_UNREACHABLE);
    assert_non_null(strstr(e.text, "copying the agent"));
    p.other_mount = false;
    assert_string_equal(agentfile_for(&a, path, &p, &e), path); /* seen as it is */
    arena_free(&a);
}

static void long_paths_reach_their_socket(void **state)
{
    (void)state;
    char deep[200], name[300];
    snprintf(deep, sizeof deep, "%s/%0120d", dir, 7);
    assert_int_equal(mkdir(deep, 0755), 0);
    snprintf(name, sizeof name, "%s/socket", deep);
    assert_true(strlen(name) > 108);
    int here = open(".", O_PATH | O_DIRECTORY), fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un u = {.sun_family = AF_UNIX, .sun_path = "socket"};
    assert_int_equal(chdir(deep), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&u, sizeof u), 0);
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(listen(fd, 1), 0);
    err_t e = {0};
    int c = sock_connect(name, 1000, &e);
    assert_true(c >= 0);
    close(c);
    close(fd);
    close(here);
    assert_int_equal(sock_connect(name, 0, &e), -1); /* nobody listens any more */
    assert_int_equal(e.code, ERR_UNREACHABLE);
}

static void names_resolve_or_are_explained(void **state)
{
    (void)state;
    int32_t pid = 0;
    rj_error e = {0};
    assert_true(rj_resolve("4711", &pid, &e));
    assert_int_equal(pid, 4711);
    assert_false(rj_resolve("0", &pid, &e));
    assert_int_equal(e.code, RJ_USAGE);
    assert_false(rj_resolve("99999999999", &pid, &e));
    assert_int_equal(e.code, RJ_USAGE);
    assert_false(rj_resolve("", &pid, &e));
    assert_false(rj_resolve("No.Such.Program", &pid, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
}

static void the_environment_of_a_launch_is_complete(void **state)
{
    (void)state;
    static const char ours[256] =
        "\177ELF............................................................................" WIRE_AGENT_MARK
            REJIT_VERSION;
    const char *path = write_file("launch.so", ours, sizeof ours);
    char *base[] = {(char[]){"A=1"}, (char[]){"CORECLR_PROFILER=other"}, (char[]){"REJIT_RUN_WAIT=1"}, NULL};
    rj_options o = {.agent_path = path};
    rj_environment env;
    rj_error e = {0};
    assert_true(rj_launch_environment(base, &o, false, true, &env, &e));
    buf_t b = {0};
    for (char **v = env.items; *v; v++)
        buf_printf(&b, "%s\n", *v);
    char want[512];
    snprintf(want, sizeof want,
             "A=1\nCORECLR_ENABLE_PROFILING=1\nCORECLR_PROFILER={4F3D7C2A-8B1E-4D56-9A57-2E6A1D0C5B71}\nCORECLR_"
             "PROFILER_PATH=%s\n"
             "REJIT_RUN_FROM=%d\nREJIT_CHILDREN=1\n",
             path, (int)getpid());
    assert_string_equal(buf_cstr(&b), want);
    buf_free(&b);
    rj_free(env.memory);
    o.agent_path = "/nonexistent.so";
    assert_false(rj_launch_environment(base, &o, true, false, &env, &e));
    assert_int_equal(e.code, RJ_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_read),
        cmocka_unit_test(the_right_diagnostics_socket_is_chosen),
        cmocka_unit_test(a_stopped_process_is_said_to_be),
        cmocka_unit_test(a_zombie_is_said_to_have_ended),
        cmocka_unit_test(doctor_names_each_failure_with_a_remedy),
        cmocka_unit_test(the_agents_file_is_checked),
        cmocka_unit_test(another_mount_namespace_gets_a_copy),
        cmocka_unit_test(long_paths_reach_their_socket),
        cmocka_unit_test(names_resolve_or_are_explained),
        cmocka_unit_test(the_environment_of_a_launch_is_complete),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
