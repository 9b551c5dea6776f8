/* parity.h -- do we compute what a published model computes?  A golden file holds inputs and the numbers that the
 * published code made of them; mn_parity_run computes every other tensor of the file from the inputs and compares.
 *
 *     bool fits;
 *     mn_parity_run("clip", "clip.safetensors", "golden.safetensors", NULL, MN_CPU, print, NULL, &fits);
 *
 * Models and ops run on `device`, which ops and models here take from mn_device_now.
 * A line per tensor goes to print: relative L2 error, largest error, tolerance, verdict. */
#ifndef MN_PARITY_H
#define MN_PARITY_H
#include "../models/model.h"

typedef void (*mn_parity_print)(void *arg, const char *line);
/* checkpoint: an imported model, or "-" for a kind or a golden that needs none.  dump: where to write what was computed, or NULL. */
mn_status mn_parity_run(const char *kind, const char *checkpoint, const char *golden, const char *dump, mn_device device, mn_parity_print print, void *arg, bool *fits);
const char *mn_parity_model(int i);         /* name of the i-th model that can be compared; NULL past the last */

/* ---- inside parity_*.c ---- */

typedef struct mn_parity mn_parity;
typedef struct mn_parity_bar { const char *pattern; double tol; } mn_parity_bar;   /* fnmatch patterns, the first that fits; tol 0: equal */
typedef struct mn_parity_kind {
    const char *name;
    bool needs_model;
    const char *const *inputs;           /* patterns of the golden's inputs and of what is not ours to compute; ends with NULL */
    const mn_parity_bar *bars;           /* ends with pattern NULL */
    mn_status (*run)(mn_parity *p, mn_model *m);
} mn_parity_kind;

bool mn_parity_has(const mn_parity *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The golden's tensor, of this type and number of axes, f32 and i32 on the device that computes: mn_parity_in(p, MN_F32, 2, "in.%s", name),
 * NULL without an error when it is not there; mn_parity_need, NULL with a sentence. */
mn_tensor *mn_parity_input(mn_parity *p, bool needed, mn_dtype dtype, int nd, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define mn_parity_in(p, ...) mn_parity_input(p, false, __VA_ARGS__)
#define mn_parity_need(p, ...) mn_parity_input(p, true, __VA_ARGS__)
/* Of the next of the golden's names BEFORE...AFTER, from number *at on, what stands between (valid until the next call); NULL when there is none left. */
const char *mn_parity_between(mn_parity *p, int *at, const char *before, const char *after);
const char *mn_parity_meta(mn_parity *p, const char *key);          /* the golden's metadata, or NULL */
/* What we computed under that name; "f64r." and "f32." in front of a golden name are passed over.  Kept only when the golden asks for it. */
mn_status mn_parity_put(mn_parity *p, mn_tensor *t, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* For a sum whose terms cancel: its error is relative to this size too, which it would have if their signs were drawn at random. */
void mn_parity_least(mn_parity *p, const char *name, double least);
/* Every step[d]-th element along the axes: what goldens of large maps hold. */
mn_tensor *mn_parity_every(mn_tensor *t, const int64_t *step);
/* u8 [N,C,H,W] -> f32, scale * u + shift. */
mn_tensor *mn_parity_floats(mn_tensor *u8, double scale, double shift);
/* The method of that name; its results. */
mn_status mn_parity_call(mn_model *m, const char *method, mn_tensor *const *in, mn_tensor **out);
/* Reported intermediate results go to `to` until mn_parity_listen(NULL...). */
void mn_parity_listen(void (*note)(void *data, const char *name, mn_tensor *t), void *data);
#endif
