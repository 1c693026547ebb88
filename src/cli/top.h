/*
 * cli: what the files of `rejit top` share.
 *
 *      sessions ----> model -----> lines of text -> screen
 *      top_groups.c   top_model.c  top_page.c       top_screen.c
 *      top_tab.c -----------------------^           of one method
 *
 * top.c moves it all on, once an interval and by the keys of top_keys.c; top_draw.c says what stands where.
 */
#ifndef REJIT_CLI_TOP_H
#define REJIT_CLI_TOP_H

#include "cli/cli.h"

#define TOP_COLUMNS_LEAST 40u
#define TOP_ROWS_LEAST    10u

/* ---- top_model.c: the rows and what is shown of them. Pure ---------------------------------------------------- */

typedef enum top_sort {
    TOP_BY_RATE,
    TOP_BY_ERRORS,
    TOP_BY_MEAN,
    TOP_BY_P50,
    TOP_BY_P99,
    TOP_BY_MAX,
    TOP_BY_SHARE,
    TOP_BY_METHOD,
    TOP_SORTS
} top_sort;

typedef struct top_row {
    uint32_t group, probe; /* group: which request it came by */
    char *method, *module;
    uint64_t calls, errors, sum, mean, p50, p99, max; /* since it was added; ns */
    double rate;                                      /* calls a second, in the last interval */
    double share; /* of the last interval: time of the calls that ended in it; 1 is one thread all the time */
    bool off;     /* its probe is switched off */
    bool removed; /* not shown any more; late statistics of it are not those of a new row */
} top_row;

typedef struct top_model {
    VEC(top_row *) rows;
    map_t by_probe;      /* group and probe -> row */
    VEC(top_row *) view; /* what passes the filter, in order */
    size_t selected;     /* index in view */
    size_t first;        /* the uppermost one on the screen */
    bool chosen;         /* by the user: the selection follows its method. Else it is the first row */
    top_sort sort;
    bool reversed;
    buf_t filter; /* text that a method's name must have in it, in any case */
} top_model;

void top_model_free(top_model *m);
/* What the probes of a group have counted; seconds since the last time. False where memory ran out. */
bool top_model_take(top_model *m, uint32_t group, const rj_stats *s, double seconds);
/* Filters and sorts anew. */
void top_model_arrange(top_model *m);
/* The next sort key, or the one before. */
void top_model_sort(top_model *m, int step);
void top_model_reverse(top_model *m);
/* Moves the selection; `height` rows are on the screen. */
void top_model_move(top_model *m, long by, size_t height);
/* Scrolls so that the selection is on a screen of so many rows. */
void top_model_scroll(top_model *m, size_t height);
top_row *top_model_selected(const top_model *m); /* NULL: there is none */
void top_model_remove(top_model *m, top_row *row);
/* The row of another group that stands for the same method; NULL: none does. */
top_row *top_model_same(const top_model *m, const top_row *row);
size_t top_model_count(const top_model *m); /* rows that are not removed */
const char *top_sort_name(top_sort by);     /* "calls/s" */

/* A line that is typed: UTF-8. */
void top_line_add(buf_t *line, uint32_t character);
void top_line_back(buf_t *line); /* without its last character */

/* ---- top_page.c: rows as text. Pure --------------------------------------------------------------------------- */

void top_put_heads(buf_t *b, const top_model *m, unsigned columns, const out_style *style);
void top_put_row(buf_t *b, const top_row *row, unsigned columns, const out_style *style);

typedef struct top_about {
    int32_t pid;
    const char *program, *runtime;
    int64_t up_s; /* seconds since it was started; -1: not known */
    uint64_t refused, dropped;
    double measured; /* which part of the last interval */
    bool paused;
} top_about;
/* The two lines at the top. */
void top_put_program(buf_t *b, const top_about *a, const out_style *style);
void top_put_state(buf_t *b, const top_about *a, const top_model *m, const out_style *style);
void top_put_help(buf_t *b, const out_style *style);

/* ---- top_screen.c: ncurses is known here alone ---------------------------------------------------------------- */

/* What is no character. */
enum {
    TOP_KEY_NONE = 0x200000,
    TOP_KEY_UP,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
    TOP_KEY_TAB,
    TOP_KEY_BACK_TAB,
    TOP_KEY_RESIZE
};

/* Takes the terminal over; false with the reason where it cannot. */
bool top_screen_open(const char **why);
/* Gives it back as it was. Does nothing where it is not taken. */
void top_screen_close(void);
void top_screen_size(unsigned *columns, unsigned *rows);
uint32_t top_screen_key(void); /* does not wait: TOP_KEY_NONE */
void top_screen_clear(void);
/* One line of text, with out/'s colours in it, without its first `skip` columns; what does not fit is cut. */
void top_screen_line(unsigned row, const char *text, size_t n, unsigned skip, bool highlight);
/* Where the cursor is seen; a column behind the last hides it. */
void top_screen_show(unsigned row, unsigned column);

/* ---- top_groups.c: the requests whose statistics are shown ---------------------------------------------------- */

typedef struct top_group {
    rj_session *s;
    uint64_t read_ms;   /* when its statistics were read last */
    rj_measure measure; /* of then */
} top_group;

typedef struct top_groups {
    const options *o;
    int32_t pid;
    VEC(top_group) all;
    rj_session *spare; /* has not instrumented yet */
    uint64_t refused;
    VEC(char *) refusals; /* "METHOD: why" */
    buf_t said;           /* what is to be told; the newest alone */
    double measured;      /* which part of the last interval; the least of all groups */
    uint64_t dropped;
    unsigned reached; /* RJ_REACHED_* of what was told */
    void (*progress)(void *owner, const char *text);
    void *owner;
} top_groups;

/* A session with the agent that is there. */
rj_session *top_connect(const top_groups *g, rj_error *e);
/* Instruments what the patterns match and takes it into the model; what is in it already is not counted twice. */
bool top_groups_add(top_groups *g, top_model *m, const char *const *patterns, size_t count, rj_error *e);
/* Reads what was counted. */
bool top_groups_read(top_groups *g, top_model *m, rj_error *e);
/* Hears the agent; false when the target has gone. */
bool top_groups_poll(top_groups *g, rj_error *e);
bool top_groups_switch(top_groups *g, top_row *row, rj_error *e);
bool top_groups_remove(top_groups *g, top_model *m, top_row *row, rj_error *e);
/* Takes everything away. */
void top_groups_free(top_groups *g);
/* A refusal, or other news, for those who look at the screen. */
void top_groups_news(top_groups *g, const rj_news *n);

/* ---- top_tab.c: what is shown of one method ------------------------------------------------------------------- */

typedef enum top_view { TOP_TIMES, TOP_CALLERS, TOP_CALLEES, TOP_CALLS, TOP_VIEWS } top_view;

typedef struct top_tab {
    top_view view;
    char *method, *module;
    rj_session *s; /* its own probe's; NULL: it has none */
    out_tree *callers;
    VEC(char *) lines; /* the last calls */
    buf_t callees;     /* the last tree */
    bool fresh;        /* a tree has come since the page was made */
    out_style style;
    uint64_t calls;
    buf_t page;     /* lines of text */
    buf_t state;    /* how it is going, in words */
    size_t scroll;  /* lines above the screen */
    unsigned shift; /* columns on the left of it */
    top_groups *of; /* hears of its news */
} top_tab;

/* Puts the view's probe on the method. What went wrong stands in its state. */
void top_tab_open(top_tab *t, top_view view);
/* Takes its probe away. */
void top_tab_close(top_tab *t);
/* Hears what happens; false when the target has gone. */
bool top_tab_poll(top_tab *t, rj_error *e);
/* Makes the page anew. TIMES: out of the group's statistics. */
bool top_tab_refresh(top_tab *t, const top_groups *g, const top_row *row, unsigned columns);
void top_tab_put_head(buf_t *b, const top_tab *t);
void top_tab_free(top_tab *t);

/* ---- the whole ------------------------------------------------------------------------------------------------ */

typedef enum top_mode { TOP_LIST, TOP_METHOD, TOP_TEXT } top_mode;
typedef enum top_asking { TOP_NOTHING, TOP_FILTER, TOP_PATTERN } top_asking;

typedef struct top {
    const options *o;
    top_groups groups;
    top_model model;
    top_about about;
    uint64_t started_ns; /* the process, since the epoch; 0: not known */
    top_mode mode;
    top_tab tab;   /* METHOD */
    top_row *row;  /* that it is of */
    buf_t text;    /* TEXT: help, refusals */
    size_t scroll; /* of that */
    unsigned shift;
    const char *title;
    top_asking asking;
    buf_t typed;   /* a pattern */
    buf_t message; /* until the next key */
    out_style style;
    uint64_t next_ms;
    bool done, gone;
    rj_error error; /* gone: why */
} top;

/* top_draw.c */
void top_draw(top *t);
/* Only the line at the bottom: something takes long. */
void top_draw_progress(void *owner, const char *text);
/* How many lines of the list, or of a page, there is room for. */
size_t top_height(const top *t);
/* How far a page of text may be scrolled. */
size_t top_scroll_most(const top *t, const buf_t *page);

/* top_keys.c */
void top_key(top *t, uint32_t key);
/* Adds the methods of a pattern; says what came of it. */
bool top_add(top *t, const char *pattern);
void top_ask_pattern(top *t, const char *begun);
/* Remembers why the target cannot be shown any more, or says what went wrong. */
void top_failed(top *t, const rj_error *e);

/* Reads the figures, and what the tab shows. */
void top_refresh(top *t);

#endif
