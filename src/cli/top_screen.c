/* rejit top: the terminal. ncurses is known here alone. */
#define NCURSES_WIDECHAR 1
#include "cli/top.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE_MS 25 /* how long an escape may be the beginning of another key */

enum { PAIR_RED = 1, PAIR_GREEN, PAIR_YELLOW, PAIR_CYAN };

static SCREEN *screen;
static bool colours;

static void begin_colours(void)
{
    static const short of[] = {
        [PAIR_RED] = COLOR_RED, [PAIR_GREEN] = COLOR_GREEN, [PAIR_YELLOW] = COLOR_YELLOW, [PAIR_CYAN] = COLOR_CYAN};
    colours = console_colour(STDOUT_FILENO) && has_colors() && start_color() == OK;
    if (!colours) return;
    const short back = use_default_colors() == OK ? -1 : COLOR_BLACK;
    for (int i = PAIR_RED; i <= PAIR_CYAN; i++)
        init_pair((short)i, of[i], back);
}

/* Texts are UTF-8 whatever the locale says, as those of the other verbs are. */
static void begin_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

bool top_screen_open(const char **why)
{
    begin_locale();
    set_escdelay(ESCAPE_MS);
    screen = newterm(NULL, stdout, stdin);
    if (!screen) {
        *why = "the terminal that TERM names is not known on this machine";
        return false;
    }
    const char *moves = tigetstr("cup"); /* -1: no text at all */
    if (!moves || moves == (const char *)-1) {
        *why = "the terminal that TERM names cannot move its cursor";
        top_screen_close();
        return false;
    }
    begin_colours();
    cbreak();
    noecho();
    nonl(); /* Enter is told from Ctrl-J */
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    return true;
}

void top_screen_close(void)
{
    if (!screen) return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void top_screen_size(unsigned *columns, unsigned *rows)
{
    *columns = (unsigned)COLS;
    *rows = (unsigned)LINES;
}

/* ---- keys ---- */

static uint32_t special(wint_t key)
{
    switch (key) {
    case KEY_UP: return TOP_KEY_UP;
    case KEY_DOWN: return TOP_KEY_DOWN;
    case KEY_LEFT: return TOP_KEY_LEFT;
    case KEY_RIGHT: return TOP_KEY_RIGHT;
    case KEY_PPAGE: return TOP_KEY_PAGE_UP;
    case KEY_NPAGE: return TOP_KEY_PAGE_DOWN;
    case KEY_HOME: return TOP_KEY_HOME;
    case KEY_END: return TOP_KEY_END;
    case KEY_ENTER: return TOP_KEY_ENTER;
    case KEY_BACKSPACE:
    case KEY_DC: return TOP_KEY_BACKSPACE;
    case KEY_BTAB: return TOP_KEY_BACK_TAB;
    case KEY_RESIZE: return TOP_KEY_RESIZE;
    default: return TOP_KEY_NONE;
    }
}

uint32_t top_screen_key(void)
{
    wint_t c = 0;
    const int kind = get_wch(&c);
    if (kind == ERR) return TOP_KEY_NONE;
    if (kind == KEY_CODE_YES) return special(c);
    switch (c) {
    case '\r':
    case '\n': return TOP_KEY_ENTER;
    case 0x1B: return TOP_KEY_ESCAPE;
    case 0x08:
    case 0x7F: return TOP_KEY_BACKSPACE;
    case '\t': return TOP_KEY_TAB;
    default: return (uint32_t)c;
    }
}

/* ---- what is shown ---- */

void top_screen_clear(void)
{
    erase();
}

/* One of out/'s colours: the number between "\033[" and "m". */
static attr_t turned(attr_t now, short *pair, long code)
{
    switch (code) {
    case 0: *pair = 0; return A_NORMAL;
    case 1: return now | A_BOLD;
    case 2: return now | A_DIM;
    case 31: *pair = PAIR_RED; return now;
    case 32: *pair = PAIR_GREEN; return now;
    case 33: *pair = PAIR_YELLOW; return now;
    case 36: *pair = PAIR_CYAN; return now;
    default: return now;
    }
}

/* Bytes of an escape sequence at p; 0: there is none. */
static size_t escape(const char *p, size_t n, long *code)
{
    if (n < 3 || p[0] != '\033' || p[1] != '[') return 0;
    char *end;
    *code = strtol(p + 2, &end, 10);
    return (size_t)(end - p) < n && *end == 'm' ? (size_t)(end - p) + 1 : 0;
}

/* One character, and how many columns it takes; what is none, or would move the cursor, is a question mark. */
static size_t decode(const char *p, size_t n, wchar_t *c, int *width)
{
    mbstate_t state = {0};
    size_t used = mbrtowc(c, p, n, &state);
    const bool whole = used && used <= n;
    *width = whole ? wcwidth(*c) : -1;
    if (*width < 0) {
        *c = L'?';
        *width = 1;
    }
    return whole ? used : 1;
}

/* Is there a character that takes room? */
static bool is_more(const char *text, size_t n)
{
    long code;
    for (size_t at = 0, used; at < n; at += used)
        if (!(used = escape(text + at, n - at, &code))) return true;
    return false;
}

void top_screen_line(unsigned row, const char *text, size_t n, unsigned skip, bool highlight)
{
    attr_t attr = A_NORMAL;
    short pair = 0;
    int column = 0, width;
    move((int)row, 0);
    for (size_t at = 0, used; at < n; at += used) {
        long code = 0;
        wchar_t c;
        if ((used = escape(text + at, n - at, &code))) {
            attr = turned(attr, &pair, code);
            continue;
        }
        used = decode(text + at, n - at, &c, &width);
        if (skip) {
            skip -= RJ_MIN(skip, (unsigned)width);
            continue;
        }
        const bool cut = column + width > COLS || (column + width == COLS && is_more(text + at + used, n - at - used));
        if (cut) c = L'…';
        attr_set(attr | (highlight ? A_REVERSE : A_NORMAL), colours && !highlight ? pair : 0, NULL);
        addnwstr(&c, 1);
        column += width;
        if (cut) break;
    }
    attr_set(highlight ? A_REVERSE : A_NORMAL, 0, NULL);
    for (; column < COLS; column++)
        addch(' ');
    attr_set(A_NORMAL, 0, NULL);
}

void top_screen_show(unsigned row, unsigned column)
{
    curs_set(column < (unsigned)COLS);
    move((int)row, RJ_MIN((int)column, COLS - 1));
    refresh();
}
