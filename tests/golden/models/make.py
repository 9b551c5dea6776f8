#!/usr/bin/env python3
"""Writes the golden files of tests/c/test_models.c: every model's results in float64, from weights and inputs that are a
formula of their names.  Plain loops and numpy on purpose: nothing is shared with the engine.

    python3 tests/golden/models/make.py         (numpy only; about a minute)

Number k of the tensor called s is u(s, k) = top 24 bits of splitmix64(fnv1a(s) + k * golden ratio), in [0, 1); what a
weight makes of it depends on its name and shape (see weight below and tests/c/formula.h, which must agree).
"""
import json, os, struct
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def u(name, n):
    h = 0xcbf29ce484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001b3) & (2**64 - 1)
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def weight(name, *shape):
    n = int(np.prod(shape, dtype=np.int64))
    v = u(name, n)
    if name.endswith("running_var"):
        v = 0.5 + v
    elif len(shape) < 2:
        v = 0.8 + 0.4 * v if name.endswith(".weight") else 0.2 * (v - 0.5)
    else:
        v = (2 * v - 1) * np.sqrt((6.0 if len(shape) == 4 else 3.0) / (n // shape[0]))
    return v.astype(np.float32).astype(np.float64).reshape(shape)


def signal(name, *shape):
    """Inputs, in -1..1."""
    return (2 * u(name, int(np.prod(shape))) - 1).astype(np.float32).astype(np.float64).reshape(shape)


def save(file, **tensors):
    header, blobs, at = {}, [], 0
    for name, a in tensors.items():
        a = np.ascontiguousarray(a, dtype=np.uint8 if a.dtype == np.uint8 else np.float32)
        header[name] = {"dtype": "U8" if a.dtype == np.uint8 else "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        blobs.append(a.tobytes())
        at += a.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(HERE, file + ".safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        f.writelines(blobs)
    print(file, at, "bytes")


# ---- layers ----

def conv(x, w, stride=1, pad=(0, 0)):
    x = np.pad(x, ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2))
    kh, kw = w.shape[2:]
    oh, ow = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.zeros((x.shape[0], w.shape[0], oh, ow))
    for i in range(kh):
        for j in range(kw):
            y += np.einsum("nchw,oc->nohw", x[:, :, i:i + stride * oh:stride, j:j + stride * ow:stride], w[:, :, i, j], optimize=True)
    return y


def per_channel(v, x):
    return v.reshape((1, -1) + (1,) * (x.ndim - 2))


def norm(kind, name, x, eps):
    c = x.shape[1]
    w, b = weight(name + ".weight", c), weight(name + ".bias", c)
    if kind == "batch":
        x = (x - per_channel(weight(name + ".running_mean", c), x)) / np.sqrt(per_channel(weight(name + ".running_var", c), x) + eps)
    else:
        g = x.reshape(x.shape[0], c // 16 if kind == "group" and c % 16 == 0 else 1, -1)
        x = ((g - g.mean(-1, keepdims=True)) / np.sqrt(g.var(-1, keepdims=True) + eps)).reshape(x.shape)
    return x * per_channel(w, x) + per_channel(b, x)


def windows(x, k, stride, pad, fill):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
    oh, ow = (x.shape[2] - k) // stride + 1, (x.shape[3] - k) // stride + 1
    return np.stack([x[:, :, i:i + stride * oh:stride, j:j + stride * ow:stride] for i in range(k) for j in range(k)])


def max_pool(x, k, stride, pad):
    return windows(x, k, stride, pad, -np.inf).max(0)


def mean_pool(x):
    return np.nanmean(windows(x, 3, 1, 1, np.nan), axis=0)


def linear(name, x, out):
    return x @ weight(name + ".weight", out, x.shape[-1]).T + weight(name + ".bias", out)


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


# ---- CLIP ----

def layer_norm(name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * weight(name + ".weight", x.shape[-1]) + weight(name + ".bias", x.shape[-1])


def tower(name, x, layers, heads, causal):
    n, t, w = x.shape
    d = w // heads
    for k in range(layers):
        p = f"{name}.resblocks.{k}"
        h = layer_norm(p + ".ln_1", x)
        qkv = h @ weight(p + ".attn.in_proj_weight", 3 * w, w).T + weight(p + ".attn.in_proj_bias", 3 * w)
        y = np.zeros_like(h)
        for i in range(n):
            for a in range(heads):
                q, key, v = (qkv[i, :, s * w + a * d:s * w + (a + 1) * d] for s in range(3))
                score = q @ key.T / np.sqrt(d)
                if causal:
                    score = np.where(np.tril(np.ones((t, t))) > 0, score, -np.inf)
                y[i, :, a * d:(a + 1) * d] = softmax(score) @ v
        x = x + linear(p + ".attn.out_proj", y, w)
        h = linear(p + ".mlp.c_fc", layer_norm(p + ".ln_2", x), 4 * w)
        x = x + linear(p + ".mlp.c_proj", h * sigmoid(1.702 * h), w)
    return x


def clip():
    vw, tw, e, patch, n = 24, 16, 10, 4, 12
    x = signal("image", 2, 3, n, n)
    g = n // patch
    w = weight("visual.conv1.weight", vw, 3, patch, patch)
    tokens = conv(x, w, patch).reshape(2, vw, g * g).transpose(0, 2, 1)
    first = np.broadcast_to(weight("visual.class_embedding", vw), (2, 1, vw))
    h = np.concatenate([first, tokens], 1) + weight("visual.positional_embedding", g * g + 1, vw)
    h = tower("visual.transformer", layer_norm("visual.ln_pre", h), 2, 3, False)
    image = layer_norm("visual.ln_post", h[:, 0]) @ weight("visual.proj", vw, e)
    ids = np.array([[1, 5, 6, 19, 0, 0, 0], [1, 19, 4, 4, 4, 4, 4], [1, 2, 3, 4, 5, 6, 19]])
    h = weight("token_embedding.weight", 20, tw)[ids] + weight("positional_embedding", 7, tw)
    h = layer_norm("ln_final", tower("transformer", h, 2, 2, True))
    text = h[np.arange(3), ids.argmax(1)] @ weight("text_projection", tw, e)
    cosine = unit(image) @ unit(text).T
    save("clip", image_features=image, text_features=text, cosine=cosine)


# ---- ArcFace ----

def prelu(name, x):
    s = per_channel(weight(name + ".weight", x.shape[1]), x)
    return np.where(x > 0, x, s * x)


def arcface(kind):
    widths, x = [8, 12, 16, 32], signal("face", 2, 3, 24, 24)
    eps = 1e-5
    x = prelu("input_layer.2", norm(kind, "input_layer.1", conv(x, weight("input_layer.0.weight", 8, 3, 3, 3), 1, (1, 1)), eps))
    k, c = 0, 8
    for g, units in enumerate([2, 1, 1, 1]):
        for i in range(units):
            s, o, p = 1 if i else 2, widths[g], f"body.{k}"
            skip = x[:, :, ::s, ::s]
            if c != o:
                skip = norm(kind, p + ".shortcut_layer.1", conv(x, weight(p + ".shortcut_layer.0.weight", o, c, 1, 1), s), eps)
            y = conv(norm(kind, p + ".res_layer.0", x, eps), weight(p + ".res_layer.1.weight", o, c, 3, 3), 1, (1, 1))
            y = conv(prelu(p + ".res_layer.2", y), weight(p + ".res_layer.3.weight", o, o, 3, 3), s, (1, 1))
            y = norm(kind, p + ".res_layer.4", y, eps)
            z = relu(y.mean((2, 3)) @ weight(p + ".res_layer.5.fc1.weight", o // 4, o, 1, 1)[:, :, 0, 0].T)
            z = sigmoid(z @ weight(p + ".res_layer.5.fc2.weight", o, o // 4, 1, 1)[:, :, 0, 0].T)
            x, c, k = y * z[:, :, None, None] + skip, o, k + 1
    x = norm(kind, "output_layer.0", x, eps)
    x = linear("output_layer.3", x.reshape(2, -1), 20)
    return unit(norm("batch" if kind == "batch" else "layer", "output_layer.4", x, eps))


# ---- ResNet encoder ----

def encoder(kind, bottleneck, width, blocks):
    x, eps = signal("photo", 2, 3, 48, 48), 1e-5

    def conv_norm(conv_name, norm_name, x, out, k, stride=1):
        return norm(kind, norm_name, conv(x, weight(conv_name + ".weight", out, x.shape[1], k, k), stride, (k // 2, k // 2)), eps)

    x = max_pool(relu(conv_norm("encoder.conv1", "encoder.bn1", x, width, 7, 2)), 3, 2, 1)
    for g in range(4):
        mid = width << g
        out = mid * (4 if bottleneck else 1)
        for i in range(blocks[g]):
            p, s = f"encoder.layer{g + 1}.{i}", 2 if g and not i else 1
            skip = x
            if not i and (g or x.shape[1] != out):
                skip = norm(kind, p + ".downsample.1", conv(x, weight(p + ".downsample.0.weight", out, x.shape[1], 1, 1), s), eps)
            if bottleneck:
                y = relu(conv_norm(p + ".conv1", p + ".bn1", x, mid, 1))
                y = relu(conv_norm(p + ".conv2", p + ".bn2", y, mid, 3, s))
                y = conv_norm(p + ".conv3", p + ".bn3", y, out, 1)
            else:
                y = relu(conv_norm(p + ".conv1", p + ".bn1", x, mid, 3, s))
                y = conv_norm(p + ".conv2", p + ".bn2", y, out, 3)
            x = relu(y + skip)
    return linear("layers.2", relu(linear("layers.0", x.mean((2, 3)), 12)), 14)


# ---- Inception ----

def inception():
    picture = (u("bytes", 3 * 40 * 56) * 256).astype(np.uint8).reshape(1, 3, 40, 56)

    def step(name, x, out, kh, kw, stride=1, same=True):
        w = weight(name + ".conv.weight", out, x.shape[1], kh, kw)
        return relu(norm("batch", name + ".bn", conv(x, w, stride, (kh // 2, kw // 2) if same else (0, 0)), 1e-3))

    def chain(x, block, *steps):
        for name, out, kh, kw, *rest in steps:
            x = step(f"{block}.{name}", x, out, kh, kw, *rest)
        return x

    def network(x):
        x = step("Conv2d_1a_3x3", x, 32, 3, 3, 2, False)
        x = step("Conv2d_2a_3x3", x, 32, 3, 3, 1, False)
        x = max_pool(step("Conv2d_2b_3x3", x, 64, 3, 3), 3, 2, 0)
        x = step("Conv2d_4a_3x3", step("Conv2d_3b_1x1", x, 80, 1, 1), 192, 3, 3, 1, False)
        x = max_pool(x, 3, 2, 0)
        for b, pool in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = np.concatenate([chain(x, b, ("branch1x1", 64, 1, 1)), chain(x, b, ("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 5)),
                                chain(x, b, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3), ("branch3x3dbl_3", 96, 3, 3)),
                                chain(mean_pool(x), b, ("branch_pool", pool, 1, 1))], 1)
        b = "Mixed_6a"
        x = np.concatenate([chain(x, b, ("branch3x3", 384, 3, 3, 2, False)),
                            chain(x, b, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3), ("branch3x3dbl_3", 96, 3, 3, 2, False)), max_pool(x, 3, 2, 0)], 1)
        for b, w in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = np.concatenate([chain(x, b, ("branch1x1", 192, 1, 1)),
                                chain(x, b, ("branch7x7_1", w, 1, 1), ("branch7x7_2", w, 1, 7), ("branch7x7_3", 192, 7, 1)),
                                chain(x, b, ("branch7x7dbl_1", w, 1, 1), ("branch7x7dbl_2", w, 7, 1), ("branch7x7dbl_3", w, 1, 7), ("branch7x7dbl_4", w, 7, 1), ("branch7x7dbl_5", 192, 1, 7)),
                                chain(mean_pool(x), b, ("branch_pool", 192, 1, 1))], 1)
        b = "Mixed_7a"
        x = np.concatenate([chain(x, b, ("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 3, 2, False)),
                            chain(x, b, ("branch7x7x3_1", 192, 1, 1), ("branch7x7x3_2", 192, 1, 7), ("branch7x7x3_3", 192, 7, 1), ("branch7x7x3_4", 192, 3, 3, 2, False)), max_pool(x, 3, 2, 0)], 1)
        for b in ("Mixed_7b", "Mixed_7c"):
            one, two = chain(x, b, ("branch3x3_1", 384, 1, 1)), chain(x, b, ("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 3))
            x = np.concatenate([chain(x, b, ("branch1x1", 320, 1, 1)), chain(one, b, ("branch3x3_2a", 384, 1, 3)), chain(one, b, ("branch3x3_2b", 384, 3, 1)),
                                chain(two, b, ("branch3x3dbl_3a", 384, 1, 3)), chain(two, b, ("branch3x3dbl_3b", 384, 3, 1)),
                                chain(max_pool(x, 3, 1, 1) if b == "Mixed_7c" else mean_pool(x), b, ("branch_pool", 192, 1, 1))], 1)
        return x.mean((2, 3))

    def stretch(x, shift):                           # bilinear to 299; shift 0.5: half-pixel centres
        for axis in (2, 3):
            size = x.shape[axis]
            at = np.clip((np.arange(299) + shift) * size / 299 - shift, 0, None)
            lo = np.minimum(at.astype(int), size - 1)
            hi, f = np.minimum(lo + 1, size - 1), at - lo
            f = f.reshape((-1, 1) if axis == 2 else (-1,))
            x = np.take(x, lo, axis) * (1 - f) + np.take(x, hi, axis) * f
        return x

    x = picture.astype(np.float64)
    save("inception", nvidia=network((stretch(x, 0) - 128) / 128), torch=network(2 * stretch(x / 255, 0.5) - 1))


# ---- Dual Mappers ----

def mapper(cross):
    n, rows, w, e, first, count, d, hidden, layers, lr = 2, 5, 6, 7, 1, 3, 4, 8, 3, 0.5
    ws, alpha = signal("ws", n, rows, w), signal("alpha", n, e)

    def fc(name, x, out):
        return x @ weight(name + ".weight", out, x.shape[-1]).T * (lr / np.sqrt(x.shape[-1])) + weight(name + ".bias", out) * lr

    def lrelu(x):
        return np.sqrt(2) * np.where(x > 0, x, 0.2 * x)

    def mlp(name, h):
        h = lrelu(h)
        for k in range(1, layers):
            h = lrelu(fc(f"{name}.fc{k}", h, hidden))
        return h

    r = ws[:, first:first + count]
    un = r / np.sqrt((r * r).mean(-1, keepdims=True) + 1e-8)
    a = alpha / np.sqrt((alpha * alpha).mean(-1, keepdims=True) + 1e-2)
    ht = fc("texture.row", un, hidden) + weight("texture.embedding", count, hidden)
    he = fc("emotion.alpha", a, hidden)
    if cross:
        for i in range(n):
            q, k, v = fc("texture.query", a[i:i + 1], d), fc("texture.key", un[i], d), fc("texture.value", un[i], d)
            ht[i] = (ht[i] + fc("texture.attended", softmax(q @ k.T / np.sqrt(d)) @ v, hidden)) / np.sqrt(2)
            q = fc("emotion.query", un[i], d)
            k, v = (a[i][:, None] * weight(f"emotion.{t}.slope", e, d) + weight(f"emotion.{t}.base", e, d) for t in ("key", "value"))
            he[i] = (he[i] + fc("emotion.attended", (softmax(q @ k.T / np.sqrt(d)) @ v).mean(0), hidden)) / np.sqrt(2)
    dw = fc("texture.last", mlp("texture", ht), w) + lr * weight("texture.shift", count, w)
    return dw, fc("emotion.last", mlp("emotion", he), e)


if __name__ == "__main__":
    clip()
    save("arcface", batch=arcface("batch"), group=arcface("group"))
    save("encoder", bottleneck=encoder("batch", True, 4, [2, 1, 1, 1]), basic=encoder("group", False, 16, [1, 2, 1, 1]))
    (dw, da), (plain_dw, plain_da) = mapper(True), mapper(False)
    save("mapper", dw=dw, dalpha=da, plain_dw=plain_dw, plain_dalpha=plain_da)
    inception()
