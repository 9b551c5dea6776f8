/* trace.h -- a model may report its intermediate results by name: for parity with published goldens,
 * for tests, and for a look inside.  Nobody listens unless a caller sets mn_trace on its thread. */
#ifndef MN_TRACE_H
#define MN_TRACE_H
#include <stdarg.h>
#include "../internal.h"

extern _Thread_local struct mn_trace {
    void (*note)(void *data, const char *name, mn_tensor *t);
    void *data;
} mn_trace;

/* Reports t under the printf-style name, when somebody listens and t is there; returns t. */
mn_tensor *mn_noted(mn_tensor *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
