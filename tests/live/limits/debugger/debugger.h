/*
 * A debugger for tests: a client of the runtime's own libmscordbi.so. It attaches, sets breakpoints by source line,
 * steps, and reads arguments and locals. One at a time in a test program. What goes wrong fails the running test.
 */
#ifndef DEBUGGER_H
#define DEBUGGER_H

#include "live.h"

#define DEBUGGER_ARGUMENTS 8u
#define DEBUGGER_LOCALS    16u

/* Where a thread of the program has stopped. */
typedef struct debugger_stop {
    enum { DEBUGGER_BREAKPOINT, DEBUGGER_STEPPED } why;
    char method[128];                 /* "Debuggee.Orders.Price"; empty outside of the program's own modules */
    char file[64];                    /* without folders */
    uint32_t offset;                  /* in IL as the compiler wrote it */
    uint32_t line;                    /* 0: none */
    char arguments[200], locals[400]; /* "quantity=3 name=tea"; locals in scope, ? for those that cannot be read */
} debugger_stop;

void debugger_attach(const app *a);
/* Leaves the program running. */
void debugger_detach(void);

/* On a line of a file of the program's own modules; fails where no statement begins on it. */
void debugger_break_at(const char *file, uint32_t line);
void debugger_clear(void); /* all breakpoints */

/* Waits for the next stop. The program stands still until it is told to go on. */
const debugger_stop *debugger_wait(void);
bool debugger_is_stopped(int timeout_ms); /* has it stopped within that time? */
void debugger_go(void);
/* Steps from the statement where it stands, and waits. */
const debugger_stop *debugger_over(void);
const debugger_stop *debugger_into(void);
const debugger_stop *debugger_out(void);

/* The line of a source file below tests/apps that ends with the comment "// @MARK". */
uint32_t debugger_line(const char *path, const char *mark);

#endif
