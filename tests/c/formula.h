/* formula.h -- weights and inputs that are a formula of their names, as tests/golden/models/make.py has them too:
 * number k of tensor s is the top 24 bits of splitmix64(fnv1a(s) + (k + 1) * golden ratio), in [0, 1). */
#ifndef FORMULA_H
#define FORMULA_H
#include <math.h>
#include <string.h>
#include "engine/models/model.h"

static inline uint64_t formula_start(const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}
static inline double formula_u(uint64_t start, int64_t k) {
    uint64_t z = start + (uint64_t)(k + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 40) / 16777216;
}

/* Inputs in -1..1. */
static inline mn_tensor *formula_signal(const char *name, int nd, const int64_t *shape) {
    mn_tensor *t = mn_empty(MN_F32, nd, shape);
    uint64_t start = formula_start(name);
    for (int64_t i = 0; t && i < t->n; i++) ((float *)t->data)[i] = (float)(2 * formula_u(start, i) - 1);
    return t;
}

static inline bool formula_ends(const char *name, const char *end) {
    size_t a = strlen(name), b = strlen(end);
    return a >= b && !strcmp(name + a - b, end);
}

/* Every tensor of the model but its tables of indices. */
static inline void formula_fill(mn_model *m) {
    for (int s = 0; m && s < m->n; s++) {
        mn_tensor *t = m->slots[s].t;
        const char *name = m->slots[s].name;
        if (t->dtype != MN_F32) continue;
        uint64_t start = formula_start(name);
        double scale = 0.2, shift = -0.1;
        if (formula_ends(name, "running_var")) { scale = 1; shift = 0.5; }
        else if (t->nd >= 2) { double a = sqrt((t->nd == 4 ? 6.0 : 3.0) / (double)(t->n / t->shape[0])); scale = 2 * a; shift = -a; }
        else if (formula_ends(name, ".weight")) { scale = 0.4; shift = 0.8; }
        for (int64_t i = 0; i < t->n; i++) ((float *)t->data)[i] = (float)(scale * formula_u(start, i) + shift);
    }
}
#endif
