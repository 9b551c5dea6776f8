/* bench_ops.c -- times of the layers that the generator and the transformers spend their time in.
 * Each line: the fastest of several runs in milliseconds, forward; forward and backward with frozen weights (to the
 * input and the style); forward and backward with the weights trained too.  `bench_ops WORD` runs lines whose name holds WORD.
 * docs/bench/ops.md holds the build command and what was measured. */
#include <omp.h>
#include <stdlib.h>
#include <time.h>
#include "internal.h"
#include "check.h"

/* Milliseconds: processor time with one thread, which other work on the machine does not disturb; else the wall clock. */
static double now(void) {
    struct timespec t;
    clock_gettime(omp_get_max_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

typedef struct { const char *name; mn_tensor *(*run)(mn_tensor **t, int64_t a); int n; int frozen; int64_t a; int64_t shape[12][5]; } layer;
enum { FORWARD, FROZEN, TRAINED };

/* t: 0 x, 1 style, then weights. */
static mn_tensor *styled(mn_tensor **t, int64_t up) {
    mn_tensor *y = mn_call(modconv2d, T(t[0], t[2], t[1]), {"up", (double)up});
    return mn_call(bias_act, T(y, t[3], t[4], t[5]), {"act", 1}, {"gain", 1.4142135623730951});
}
static mn_tensor *to_rgb(mn_tensor **t, int64_t a) {
    (void)a;
    return mn_call(bias_act, T(mn_call(modconv2d, T(t[0], t[2], t[1]), {"demodulate", 0}), t[3]));
}
static mn_tensor *up2(mn_tensor **t, int64_t a) {
    (void)a;
    return mn_call(upfirdn2d, T(t[0]), {"up", 2}, {"padx0", 2}, {"padx1", 1}, {"pady0", 2}, {"pady1", 1}, {"gain", 4});
}
static mn_tensor *down2(mn_tensor **t, int64_t a) {
    (void)a;
    return mn_call(upfirdn2d, T(t[0]), {"down", 2}, {"padx0", 1}, {"padx1", 1}, {"pady0", 1}, {"pady1", 1});
}
static mn_tensor *activate(mn_tensor **t, int64_t a) {
    (void)a;
    return mn_call(bias_act, T(t[0], t[1]), {"act", 1});
}
static mn_tensor *attend(mn_tensor **t, int64_t heads) { return mn_call(attention, T(t[0], t[1], t[2]), {"heads", (double)heads}); }
static mn_tensor *full(mn_tensor **t, int64_t a) {
    (void)a;
    return mn_call(linear, T(t[0], t[1], t[2]));
}
/* Pre-norm transformer block: 1,2 norm; 3..8 q k v; 9,10 projection; then a second call with the MLP is `mlp`. */
static mn_tensor *transformer(mn_tensor **t, int64_t heads) {
    mn_tensor *x = t[0], *h = mn_call(layer_norm, T(x, t[1], t[2]));
    mn_tensor *y = mn_call(attention, T(mn_call(linear, T(h, t[3], t[4])), mn_call(linear, T(h, t[5], t[4])), mn_call(linear, T(h, t[6], t[4]))), {"heads", (double)heads});
    x = mn_call(add, T(x, mn_call(linear, T(y, t[7], t[4]))));
    h = mn_call(linear, T(mn_call(layer_norm, T(x, t[1], t[2])), t[8], t[9]));
    return mn_call(add, T(x, mn_call(linear, T(mn_call(quick_gelu, T(h)), t[10], t[4]))));
}

#define STYLED(text, C, O, S, up) {text, styled, 6, 2, up, {{4, 1, C, S, S}, {2, 1, C}, {4, O, C, 3, 3}, {1, O}, {4, 1, 1, up * S, up * S}, {1, 1}}}
#define BLOCK(text, B, L, W, heads) {text, transformer, 11, 1, heads, {{3, B, L, W}, {1, W}, {1, W}, {2, W, W}, {1, W}, {2, W, W}, {2, W, W}, {2, W, W}, {2, 4 * W, W}, {1, 4 * W}, {2, W, 4 * W}}}
static const layer layers[] = {
    STYLED("styled 512 4x4", 512, 512, 4, 1), STYLED("styled 512 16x16", 512, 512, 16, 1), STYLED("styled 512 64x64", 512, 512, 64, 1),
    STYLED("styled 256 128x128", 256, 256, 128, 1), STYLED("styled 128 256x256", 128, 128, 256, 1),
    STYLED("styled up 512 32x32", 512, 512, 32, 2), STYLED("styled up 512-256 64x64", 512, 256, 64, 2), STYLED("styled up 256-128 128x128", 256, 128, 128, 2),
    STYLED("styled 64 16x16", 64, 64, 16, 1), STYLED("styled 64 32x32", 64, 64, 32, 1), STYLED("styled 64 64x64", 64, 64, 64, 1), STYLED("styled 32 128x128", 32, 32, 128, 1),
    STYLED("styled up 64 32x32", 64, 64, 32, 2), STYLED("styled up 64-32 64x64", 64, 32, 64, 2),
    {"to_rgb 512-96 64x64", to_rgb, 4, 2, 0, {{4, 1, 512, 64, 64}, {2, 1, 512}, {4, 96, 512, 1, 1}, {1, 96}}},
    {"to_rgb 128-96 256x256", to_rgb, 4, 2, 0, {{4, 1, 128, 256, 256}, {2, 1, 128}, {4, 96, 128, 1, 1}, {1, 96}}},
    {"up2 96 128x128", up2, 1, 1, 0, {{4, 1, 96, 128, 128}}}, {"down2 32 256x256", down2, 1, 1, 0, {{4, 1, 32, 256, 256}}},
    {"bias_act 64 128x128", activate, 2, 2, 0, {{4, 1, 64, 128, 128}, {1, 64}}},
    {"attention 50x768 12", attend, 3, 3, 12, {{3, 1, 50, 768}, {3, 1, 50, 768}, {3, 1, 50, 768}}},
    {"attention 257x1024 16", attend, 3, 3, 16, {{3, 1, 257, 1024}, {3, 1, 257, 1024}, {3, 1, 257, 1024}}},
    {"linear 50x768-3072", full, 3, 1, 0, {{3, 1, 50, 768}, {2, 3072, 768}, {1, 3072}}},
    {"linear 1x512-512", full, 3, 1, 0, {{2, 1, 512}, {2, 512, 512}, {1, 512}}},
    BLOCK("vit block 50x768", 1, 50, 768, 12), BLOCK("vit block 65x192 of 8", 8, 65, 192, 6),
};

static double best_of(const layer *l, mn_tensor **t, mn_tensor *seed, int mode) {
    double best = 1e30, start = now();
    for (int run = 0; run < 3 || now() - start < 200; run++) {
        mn_scope scope = mn_scope_open();
        for (int j = 0; j < l->n; j++) mn_grad_zero(t[j]);
        double ms = now();
        mn_tensor *y = l->run(t, l->a);
        if (mode != FORWARD) CHECK(mn_backward(y, seed) == MN_OK);
        ms = now() - ms;
        CHECK(y != NULL);
        if (ms < best) best = ms;
        mn_scope_close(scope);
    }
    return best;
}

int main(int argc, char **argv) {
    printf("%-28s %10s %10s %10s   (ms)\n", "layer", "forward", "frozen", "trained");
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const layer *l = &layers[i];
        if (argc > 1 && !strstr(l->name, argv[1])) continue;
        double ms[3];
        for (int mode = FORWARD; mode <= TRAINED; mode++) {
            mn_scope scope = mn_scope_open();
            mn_rng rng = mn_rng_seed(1, 0);
            mn_tensor *t[12];
            for (int j = 0; j < l->n; j++) {
                t[j] = mn_randn(MN_F32, (int)l->shape[j][0], &l->shape[j][1], &rng);
                if (mode == TRAINED || (mode == FROZEN && j < l->frozen)) mn_param(t[j]);
            }
            bool was = mn_tape_enable(mode != FORWARD);
            mn_tensor *y = l->run(t, l->a);
            mn_tensor *seed = y ? mn_randn(MN_F32, y->nd, y->shape, &rng) : NULL;
            CHECK(y != NULL);
            if (y) ms[mode] = best_of(l, t, seed, mode);
            mn_tape_enable(was);
            mn_scope_close(scope);
        }
        printf("%-28s %10.3f %10.3f %10.3f\n", l->name, ms[0], ms[1], ms[2]);
    }
    return check_done("bench_ops");
}
