/* import_clip.c -- OpenAI's CLIP with a vision transformer (ViT-B/32): TorchScript archive or state dict.
 *
 * All sizes are read off the shapes, as the official build_model does:
 *     width, patch      visual.conv1.weight [width,3,patch,patch]
 *     grid              visual.positional_embedding [grid^2+1,width]
 *     layers            how many resblocks there are
 * The names are the official ones; dtypes stay (f16 weights, f32 norms and embeddings).  The three integers of the
 * file (input_resolution, context_length, vocab_size) go into the configuration. */
#include <math.h>
#include <stdio.h>
#include "io/import_internal.h"

static int count_blocks(import_source *src, const char *prefix, const char *tower) {
    int n = 0;
    while (import_has(src, "%s%s.resblocks.%d.attn.in_proj_weight", prefix, tower, n)) n++;
    return n;
}

static void norm(import_job *job, import_source *src, const char *prefix, const char *name, int64_t width) {
    import_take(job, src, prefix, "", DIMS(width), "%s.weight", name);
    import_take(job, src, prefix, "", DIMS(width), "%s.bias", name);
}

static void tower(import_job *job, import_source *src, const char *prefix, const char *name, int64_t w, int layers) {
    char at[120];
    for (int k = 0; k < layers && !mn_errcode(); k++) {
        snprintf(at, sizeof at, "%s.resblocks.%d.ln_1", name, k);
        norm(job, src, prefix, at, w);
        import_take(job, src, prefix, "", DIMS(3 * w, w), "%s.resblocks.%d.attn.in_proj_weight", name, k);
        import_take(job, src, prefix, "", DIMS(3 * w), "%s.resblocks.%d.attn.in_proj_bias", name, k);
        import_take(job, src, prefix, "", DIMS(w, w), "%s.resblocks.%d.attn.out_proj.weight", name, k);
        import_take(job, src, prefix, "", DIMS(w), "%s.resblocks.%d.attn.out_proj.bias", name, k);
        snprintf(at, sizeof at, "%s.resblocks.%d.ln_2", name, k);
        norm(job, src, prefix, at, w);
        import_take(job, src, prefix, "", DIMS(4 * w, w), "%s.resblocks.%d.mlp.c_fc.weight", name, k);
        import_take(job, src, prefix, "", DIMS(4 * w), "%s.resblocks.%d.mlp.c_fc.bias", name, k);
        import_take(job, src, prefix, "", DIMS(w, 4 * w), "%s.resblocks.%d.mlp.c_proj.weight", name, k);
        import_take(job, src, prefix, "", DIMS(w), "%s.resblocks.%d.mlp.c_proj.bias", name, k);
    }
}

static mn_status collect(import_job *job, import_source *src) {
    const char *p = import_has(src, "module.visual.proj") ? "module." : "";     /* saved from a parallel wrapper */
    mn_tensor *conv = import_take(job, src, p, "", DIMS(-1, 3, -1, -1), "visual.conv1.weight");
    mn_tensor *proj = import_take(job, src, p, "", DIMS(conv ? mn_dim(conv, 0) : 0, -1), "visual.proj");
    mn_tensor *tokens = import_take(job, src, p, "", DIMS(-1, -1), "token_embedding.weight");
    mn_tensor *places = import_take(job, src, p, "", DIMS(-1, tokens ? mn_dim(tokens, 1) : 0), "positional_embedding");
    if (!places) return mn_errcode();
    int64_t w = mn_dim(conv, 0), patch = mn_dim(conv, 2), embed = mn_dim(proj, 1), tw = mn_dim(tokens, 1);
    mn_tensor *grid = import_take(job, src, p, "", DIMS(-1, w), "visual.positional_embedding");
    if (!grid) return mn_errcode();
    int64_t side = (int64_t)lround(sqrt((double)(mn_dim(grid, 0) - 1)));
    int layers = count_blocks(src, p, "visual.transformer"), text_layers = count_blocks(src, p, "transformer");
    if (side * side + 1 != mn_dim(grid, 0) || patch != mn_dim(conv, 3) || !layers || !text_layers)
        return mn_fail(MN_EFORMAT, "expected a vision transformer with square patches: found %d and %d blocks and %lld positions", layers, text_layers, (long long)mn_dim(grid, 0));
    import_take(job, src, p, "", DIMS(w), "visual.class_embedding");
    norm(job, src, p, "visual.ln_pre", w);
    tower(job, src, p, "visual.transformer", w, layers);
    norm(job, src, p, "visual.ln_post", w);
    tower(job, src, p, "transformer", tw, text_layers);
    norm(job, src, p, "ln_final", tw);
    import_take(job, src, p, "", DIMS(tw, embed), "text_projection");
    import_take(job, src, p, "", 0, NULL, "logit_scale");
    import_config(job, "image_resolution", "%lld", (long long)(side * patch));
    import_config(job, "patch", "%lld", (long long)patch);
    import_config(job, "vision_width", "%lld", (long long)w);
    import_config(job, "vision_layers", "%d", layers);
    import_config(job, "text_width", "%lld", (long long)tw);
    import_config(job, "text_layers", "%d", text_layers);
    import_config(job, "context", "%lld", (long long)mn_dim(places, 0));
    import_config(job, "vocab", "%lld", (long long)mn_dim(tokens, 0));
    import_config(job, "embed_dim", "%lld", (long long)embed);
    return mn_errcode();
}

static mn_status run(import_job *job) { return import_state_dict(job, collect); }

const mn_importer mn_importer_clip = { "clip", "ViT-B-32.pt", "OpenAI CLIP with a vision transformer (TorchScript archive or state dict)", 1, 1, run, NULL };
