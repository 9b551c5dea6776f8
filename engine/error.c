/* error.c -- the pending error (one code and one sentence per thread) and the interrupt flag. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "mien.h"

static _Thread_local struct { mn_status code; char text[1024]; } pending;
static volatile sig_atomic_t interrupted;

mn_status mn_fail(mn_status code, const char *fmt, ...) {
    if (pending.code == MN_OK) {          /* the first error is the cause; later ones are its echoes */
        va_list args;
        va_start(args, fmt);
        vsnprintf(pending.text, sizeof pending.text, fmt, args);
        va_end(args);
        pending.code = code;
    }
    return pending.code;
}

mn_status mn_fail_context(const char *fmt, ...) {
    char text[sizeof pending.text], front[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(front, sizeof front, fmt, args);
    va_end(args);
    if (pending.code != MN_OK) {
        if (snprintf(text, sizeof text, "%s: %s", front, pending.text) >= (int)sizeof text) text[sizeof text - 1] = 0;
        memcpy(pending.text, text, sizeof text);
    }
    return pending.code;
}

const char *mn_errmsg(void) { return pending.code == MN_OK ? "" : pending.text; }
mn_status mn_errcode(void) { return pending.code; }
void mn_error_clear(void) { pending.code = MN_OK; pending.text[0] = 0; }

void mn_interrupt(void) { interrupted = 1; }
bool mn_interrupted(void) { return interrupted != 0; }
void mn_interrupt_clear(void) { interrupted = 0; }
