/* parity_inception.c -- Inception-v3's FID features against published numbers, with both front ends.  Goldens hold the
 * steps of the first 256-pixel picture only, every 32nd channel and every 5th row and column; of the enlarged pictures
 * every 13th row and 11th column. */
#include <stdio.h>
#include <string.h>
#include "parity.h"

typedef struct listener { mn_parity *p; const char *prefix; } listener;

static void keep(void *data, const char *name, mn_tensor *t) {
    listener *l = data;
    bool input = !strcmp(name, "resized");
    mn_parity_put(l->p, mn_parity_every(t, input ? (int64_t[]){1, 1, 13, 11} : (int64_t[]){1, 32, 5, 5}), "%s.%s", l->prefix, name);
}

static mn_status run(mn_parity *p, mn_model *m) {
    static const char *const pictures[] = {"i256", "i512", "i150x211"}, *const fronts[] = {"nv", "pf"};
    const mn_method *features = m->def->methods;
    for (int i = 0; i < 3; i++)
        for (int f = 0; f < 2 && !mn_errcode(); f++) {
            char prefix[32];
            mn_scope scope = mn_scope_open();
            snprintf(prefix, sizeof prefix, "%s.%s", fronts[f], pictures[i]);
            listener l = {p, prefix};
            mn_tensor *x = mn_parity_in(p, "in.%s", pictures[i]), *y = NULL;
            if (x) {
                mn_parity_listen(keep, &l);
                features->run(m, &x, (double[]){f}, &y);
                mn_parity_listen(NULL, NULL);
                mn_parity_put(p, y, "%s.features", prefix);
            }
            mn_scope_close(scope);
        }
    return mn_errcode();
}

static const char *const inputs[] = {"in.*", NULL};
static const mn_parity_bar bars[] = {{"*", 1e-5}, {0}};
const mn_parity_kind mn_parity_inception = {"inception", true, inputs, bars, run};
