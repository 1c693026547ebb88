#include "corpus.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MOST_PRINTED 50

/* nftw hands no context to its callback, so this lies outside. */
static struct {
    corpus_visit visit;
    const char *file;
    uint64_t images, complaints;
} state;

void corpus_complain(cil_token token, const char *what, const char *why)
{
    if (++state.complaints <= MOST_PRINTED)
        printf("%s: %08x: %s: %s\n", state.file ? state.file : "-", token, what, why);
}

uint64_t corpus_complaints(void)
{
    return state.complaints;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t corpus_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t corpus_cpu(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int visit_file(const char *path, const struct stat *st, int kind, struct FTW *unused)
{
    (void)unused;
    const char *dot = strrchr(path, '.');
    if (kind != FTW_F || !dot || strcmp(dot, ".dll") != 0) return 0;
    state.file = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = (size_t)st->st_size;
    void *bytes = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0) close(fd);
    if (bytes == MAP_FAILED) {
        corpus_complain(0, "file", "cannot be read");
        return 0;
    }
    cil_image im;
    err_t e = {0};
    if (cil_image_open(&im, bytes, size, CIL_FLAT, &e)) {
        state.images++;
        state.visit(&im);
    } else if (!strstr(e.text, "without CLI header")) {
        corpus_complain(0, "image", e.text);
    }
    munmap(bytes, size);
    return 0;
}

uint64_t corpus_walk(int argc, char **argv, corpus_visit visit)
{
    state.visit = visit;
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], visit_file, 16, FTW_PHYS) != 0) corpus_complain(0, argv[i], "cannot be walked");
    }
    state.file = NULL;
    if (state.images == 0) corpus_complain(0, "corpus", "no assembly was found");
    return state.images;
}
