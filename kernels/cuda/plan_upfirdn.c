/* plan_upfirdn.c -- launch of upfirdn.cu, for struct k_upfirdn (kernels/upfirdn.h): the generator's three filters. */
#include <stdint.h>
#include "../shapes.h"
#include "../upfirdn.h"
#include "plan_upfirdn.h"
#include "upfirdn.h"

static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int kc_plan_upfirdn(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_upfirdn *p = args;
    const char *name = p->up == 1 && p->down == 1 ? "kc_upfirdn_1_1" : p->up == 2 && p->down == 1 ? "kc_upfirdn_2_1" : p->up == 1 && p->down == 2 ? "kc_upfirdn_1_2" : NULL;
    const int64_t down = up(p->OH, KC_FIR_LINES * KC_FIR_ROWS), most = 1 << 28;
    (void)gpu;
    if (!name || p->taps != KC_FIR_TAPS || p->n < 1 || p->planes > 65535 || down > 65535) return 0;
    if (p->H * p->W > most || p->OH * p->OW > most || p->padx > most || p->padx < -most || p->pady > most || p->pady < -most) return 0;
    return kc_put(plan, name, (unsigned)up(p->OW, KC_FIR_COLUMNS), (unsigned)down, (unsigned)p->planes, K_THREADS, 0, p, sizeof *p);
}
