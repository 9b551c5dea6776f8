/* import_emoca.c -- the two encoders of EMOCA (a PyTorch-Lightning checkpoint) or DECA's one (deca_model.tar).
 *
 *     deca.E_flame.*         ResNet-50 and a head of two layers: shape 100, texture 50, expression 50, pose 6, camera 3, light 27
 *     deca.E_expression.*    the same network, 50 expression numbers (53 or 56 when jaw or pose follow)
 * Everything else in the checkpoint (detail networks, losses, the licensed head model, optimiser states, objects
 * of training libraries) is left behind unread.  DECA's file has the first encoder only, without the "deca." in front;
 * it gets EMOCA's names. */
#include <stdio.h>
#include "io/import_internal.h"

static void encoder(import_job *job, import_source *src, const char *from, const char *to) {
    static const int blocks[4] = { 3, 4, 6, 3 };
    char name[80];
    import_take(job, src, from, to, DIMS(64, 3, 7, 7), "encoder.conv1.weight");
    import_norm(job, src, from, to, 64, "encoder.bn1");
    int64_t in = 64;
    for (int l = 0; l < 4; l++) {
        int64_t w = 64 << l;
        for (int b = 0; b < blocks[l] && !mn_errcode(); b++, in = 4 * w) {
            const int64_t size[4] = { in, w, w, 4 * w };
            for (int c = 1; c <= 3; c++) {
                int64_t k = c == 2 ? 3 : 1;
                import_take(job, src, from, to, DIMS(size[c], size[c - 1], k, k), "encoder.layer%d.%d.conv%d.weight", l + 1, b, c);
                snprintf(name, sizeof name, "encoder.layer%d.%d.bn%d", l + 1, b, c);
                import_norm(job, src, from, to, size[c], name);
            }
            if (b) continue;
            import_take(job, src, from, to, DIMS(4 * w, in, 1, 1), "encoder.layer%d.0.downsample.0.weight", l + 1);
            snprintf(name, sizeof name, "encoder.layer%d.0.downsample.1", l + 1);
            import_norm(job, src, from, to, 4 * w, name);
        }
    }
    import_take(job, src, from, to, DIMS(1024, 2048), "layers.0.weight");
    import_take(job, src, from, to, DIMS(1024), "layers.0.bias");
}

/* The last layer; returns its rows. */
static int64_t head(import_job *job, import_source *src, const char *from, const char *to) {
    mn_tensor *w = import_take(job, src, from, to, DIMS(-1, 1024), "layers.2.weight");
    if (!w || !import_take(job, src, from, to, DIMS(mn_dim(w, 0)), "layers.2.bias")) return 0;
    return mn_dim(w, 0);
}

static mn_status collect(import_job *job, import_source *src) {
    bool emoca = import_has(src, "deca.E_flame.layers.2.weight");
    const char *from = emoca ? "deca.E_flame." : "E_flame.";
    encoder(job, src, from, "deca.E_flame.");
    int64_t rows = head(job, src, from, "deca.E_flame."), expression = 0;
    if (!mn_errcode() && rows != 236) return mn_fail(MN_ESHAPE, "tensor %slayers.2.weight: expected 236 rows (shape 100, texture 50, expression 50, pose 6, camera 3, light 27), found %lld", from, (long long)rows);
    if (emoca && import_has(src, "deca.E_expression.resnet.conv1.weight"))
        return mn_fail(MN_EFORMAT, "its expression encoder shares no backbone layout with the released models (deca.E_expression.resnet.*), expected deca.E_expression.encoder.*");
    if (emoca) {
        encoder(job, src, "deca.E_expression.", "deca.E_expression.");
        expression = head(job, src, "deca.E_expression.", "deca.E_expression.");
        if (!mn_errcode() && expression != 50 && expression != 53 && expression != 56)
            return mn_fail(MN_ESHAPE, "tensor deca.E_expression.layers.2.weight: expected 50, 53 or 56 rows, found %lld", (long long)expression);
    }
    import_config(job, "expression_rows", "%lld", (long long)expression);
    return mn_errcode();
}

static mn_status run(import_job *job) { return import_state_dict(job, collect); }

const mn_importer mn_importer_emoca = { "emoca", "EMOCA.ckpt or deca_model.tar", "EMOCA's encoders of face shape, pose and expression", 1, 1, run, NULL };
