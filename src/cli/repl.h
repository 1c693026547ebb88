/*
 * repl: a prompt at one process. The prompt keeps a session of its own, which completes names and notices the end of
 * the process; each command is a process of its own, this program once more, with the pid put in.
 *
 *      repl.c           reads lines and does what they say
 *      repl_words.c     a line as words
 *      repl_jobs.c      commands that run: one in the foreground, others behind it, whose lines are kept until shown
 *      repl_complete.c  what a word may become
 *      repl_edit.c      the line editor: the only file that knows libedit
 */
#ifndef REJIT_REPL_H
#define REJIT_REPL_H

#include "cli/cli.h"

#include <sys/types.h>

/* ---- words ---- */

#define REPL_WORDS_MOST 256u

typedef struct repl_line {
    char *words[REPL_WORDS_MOST + 1]; /* NULL behind the last */
    size_t count;
    bool background; /* it ends with a bare & */
} repl_line;

/*
 * As a shell takes words apart: blanks between them, 'as it stands', "with \" and \\", \x for x. A word that begins
 * with a bare | or > is refused, as there are no pipes; those within words mean nothing: List<T>.Add. False, and why.
 */
bool repl_split(arena *a, const char *text, repl_line *out, const char **why);
/* Where the word begins that ends with the text, and which one it is (from 0). */
size_t repl_last_word(const char *text, size_t n, size_t *index);

/* ---- jobs ---- */

#define REPL_JOBS_MOST  16u
#define REPL_LINES_MOST 1000u /* that are kept of a job until they are shown; older ones are counted */

typedef struct repl_job {
    unsigned number; /* 0: no job */
    pid_t process;   /* 0: has ended, with `code` */
    int code;
    int fd;           /* what it prints comes here; -1: it has closed it */
    buf_t lines, end; /* whole lines; the beginning of the next */
    size_t first;     /* of the lines that are still to be shown */
    size_t line_count, left_out;
    char *text; /* what was typed */
} repl_job;

typedef struct repl_jobs {
    repl_job all[REPL_JOBS_MOST];
    bool control;  /* a terminal, whose foreground the commands become */
    rj_session *s; /* the prompt's own; looked at while something is waited for */
    bool gone;     /* the process has ended: why */
    rj_error why;
} repl_jobs;

void repl_jobs_init(repl_jobs *j, rj_session *s, bool control);
/* Runs rejit with these arguments and waits for its end; answers its exit code. */
int repl_foreground(repl_jobs *j, char *const *argv);
/* Begins it; NULL, with a word said: it cannot be. */
repl_job *repl_background(repl_jobs *j, char *const *argv, const char *text);
repl_job *repl_job_find(repl_jobs *j, const char *number); /* NULL: the newest */
/* Waits until fd (-1: none), the session or a job has something; takes what they have. False: a signal came. */
bool repl_jobs_wait(repl_jobs *j, int fd);
/* Prints what jobs have to say, each line with the job's number, and what became of those that have ended. */
void repl_jobs_show(repl_jobs *j);
bool repl_jobs_have_news(const repl_jobs *j);
/* Its lines alone, until it ends; Ctrl-C ends it. Answers its exit code. */
int repl_job_follow(repl_jobs *j, repl_job *job);
/* Ends all of them and waits for that. */
void repl_jobs_end(repl_jobs *j);

/* ---- completion ---- */

typedef struct repl_names {
    rj_session *s;
    arena memory;    /* of what was found last */
    char *found_for; /* the word; NULL: nothing is kept */
    const char **names;
    size_t name_count;
    bool complete; /* these are all */
} repl_names;

typedef struct repl_choice {
    size_t typed; /* of the word, in bytes, without the quote that it begins with */
    bool quoted;
    VEC(const char *) words; /* sorted, each once; in the arena */
    bool more;               /* there are others, which are not known: nothing may be put in for sure */
} repl_choice;

/* What the word at the end of the text may become. In the arena; free the vector. */
void repl_choose(repl_names *names, arena *a, const char *text, size_t n, repl_choice *out);
void repl_names_free(repl_names *names);
/* Built-in commands: name, arguments, summary; NULL at the end. */
typedef struct repl_builtin {
    const char *name, *args, *summary;
} repl_builtin;
extern const repl_builtin repl_builtins[];
bool repl_takes_pid(const verb *v);

/* ---- the line editor ---- */

typedef struct repl_edit repl_edit;
typedef struct repl_host {
    void *owner;
    /* Until a key, news or a signal comes. False: the line is to be given up. */
    bool (*wait)(void *owner);
    bool (*has_news)(void *owner);
    void (*show)(void *owner); /* prints news above the line */
    void (*choose)(void *owner, arena *a, const char *text, size_t n, repl_choice *out);
} repl_host;

repl_edit *repl_edit_open(const char *prompt, const repl_host *host);
/* NULL: no more, or a signal came. Valid until the next call. */
const char *repl_edit_line(repl_edit *e);
void repl_edit_close(repl_edit *e);

#endif
