#!/usr/bin/env python3
"""Writes the small checkpoint files of this folder.  Needs numpy, torch and scipy (made with torch 1.13, numpy 1.24,
scipy 1.10, Python 3.11); run it in this folder.  Element k (row-major) of every float tensor is k / 2 - 3, of every
integer tensor k - 3 (k where unsigned), of every bool k % 3 == 0."""
import collections, io, pickle, sys, types, zipfile
import numpy as np
import scipy.sparse
import torch

KINDS = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
         "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool}


def ramp(shape, dtype):
    k = torch.arange(int(np.prod(shape, dtype=int)), dtype=torch.float64)
    if dtype == torch.bool: k = k % 3 == 0
    elif dtype == torch.uint8: pass
    else: k = k / 2 - 3 if dtype.is_floating_point else k - 3
    return k.to(dtype).reshape(shape)


def state():
    d = collections.OrderedDict((f"kind.{k}", ramp((3, 5), t)) for k, t in KINDS.items())
    d["transposed"] = ramp((4, 3), torch.float32).t().contiguous().t()      # strides (1, 4), reads as a ramp
    base = torch.cat([torch.full((5,), 99.0), ramp((2, 6), torch.float32).flatten()])
    d["inside"], d["whole"] = base[5:].view(2, 6), base                     # one storage, two tensors
    d["expanded"] = torch.tensor([7.0]).expand(2, 3)                        # strides 0
    d["scalar"], d["empty"] = torch.tensor(-3.0), torch.zeros(0, 4)
    d["parameter"] = torch.nn.Parameter(ramp((2, 2), torch.float32))
    return d


class Layer(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = torch.nn.Parameter(ramp((n, 2), torch.float32))
        self.register_buffer("step", torch.tensor(41))
        if n > 2: self.inner = Layer(2)

    def forward(self, x):
        return x + torch.tensor([1.0, 2.0])             # a constant: constants/0 beside data/0


def stub(module, name):
    parts = module.split(".")
    for i in range(1, len(parts) + 1): sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    cls = type(name, (), {"__module__": module})
    setattr(sys.modules[module], name, cls)
    return cls


torch.save(state(), "state_zip.pt")
torch.save(state(), "state_legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.trace_module(Layer(3).eval(), {"forward": torch.zeros(3, 2)}, check_trace=False).save("script.pt")

# The zip again as archivers and newer versions of torch write it: deflated, other order, byteorder and other extra members.
with zipfile.ZipFile("state_zip.pt") as a, zipfile.ZipFile("state_rezipped.pt", "w", zipfile.ZIP_DEFLATED) as b:
    for n in reversed(a.namelist()): b.writestr(n, a.read(n))
    b.writestr("state_zip/byteorder", "little"); b.writestr("state_zip/.data/serialization_id", "0123456789")

# A bare pickle, as snapshots of networks are: storages as torch files inside bytes, module objects, foreign classes.
Net = stub("somebody.nets", "Net")
net = Net()
net.__dict__.update(_parameters=collections.OrderedDict(weight=torch.nn.Parameter(ramp((3, 2), torch.float32))),
                    _buffers=collections.OrderedDict(steps=torch.tensor(41)), _modules=collections.OrderedDict(), gain=np.sqrt(2), ratio=np.float32(0.5))
child = Net(); child.__dict__.update(_parameters={"bias": ramp((4,), torch.float16)}, _buffers={}, _modules={}, parent=net)
net._modules["0"] = child                               # child.parent makes it cyclic
with open("module.pkl", "wb") as f: pickle.dump({"G": None, "G_ema": net}, f, 4)

# numpy and its relatives, in every protocol.
Ch = stub("chumpy.ch", "Ch")
ch = Ch(); ch.__dict__.update(x=ramp((4, 3), torch.float64).numpy(), _dirty_vars=set())
dense = np.zeros((3, 4)); dense[0, 1], dense[2, 3], dense[1, 1] = 1.5, -2, 4
arrays = {"c": ramp((2, 3), torch.float64).numpy(), "fortran": np.asfortranarray(ramp((2, 3), torch.float32).numpy()), "big": ramp((2, 3), torch.float32).numpy().astype(">f4"),
          "u32": np.array([0, 4294967295], np.uint32), "half": ramp((2, 3), torch.float16).numpy(), "flag": ramp((2, 3), torch.bool).numpy(),
          "csc": scipy.sparse.csc_matrix(dense), "csr": scipy.sparse.csr_matrix(dense), "ch": ch, "scalar": np.float64(2.5), "zero_d": np.array(7, np.int64)}
for p in range(6):
    with open(f"arrays_p{p}.pkl", "wb") as f: pickle.dump(arrays, f, p)
np.save("array.npy", arrays["fortran"])
np.save("object.npy", {"lists": [arrays["c"], arrays["half"]], "tensor": ramp((2, 3), torch.float32)}, allow_pickle=True)
np.savez("arrays.npz", c=arrays["c"], fortran=arrays["fortran"], u32=arrays["u32"])
np.savez_compressed("arrays_packed.npz", c=arrays["c"], fortran=arrays["fortran"], u32=arrays["u32"])

# A head model in FLAME's container (Python-2 names, uint32 parents, column-major and chumpy arrays), 12 vertices on a ring.
V, F = 12, 20
k = np.arange(V)
fl = {"v_template": np.stack([k, -k, k / 2], 1).astype(np.float64), "weights": np.eye(5)[k % 5], "posedirs": np.zeros((V, 3, 36), np.float16), "bs_type": "lrotmin",
      "f": np.stack([np.arange(F) % V, (np.arange(F) + 1) % V, (np.arange(F) + 2 + np.arange(F) // V) % V], 1).astype(np.uint32),
      "kintree_table": np.array([[4294967295, 0, 1, 1, 1], range(5)], np.uint32), "J": np.zeros((5, 3))}
shapedirs = (np.arange(400)[None, None] + 1000 * np.arange(3)[None, :, None] + np.zeros((V, 1, 1))).astype(np.float16)      # column k is k, k + 1000, k + 2000
fl["shapedirs"] = Ch(); fl["shapedirs"].__dict__["x"] = np.asfortranarray(shapedirs)
j = np.zeros((5, V)); j[np.arange(5), np.arange(5)] = 1
fl["J_regressor"] = scipy.sparse.csc_matrix(j)
with open("flame.pkl", "wb") as f: pickle.dump(fl, f, 2)
lmk = {"static_lmk_faces_idx": np.arange(51) % F, "static_lmk_bary_coords": np.asfortranarray(np.tile([0.5, 0.25, 0.25], (51, 1))),
       "dynamic_lmk_faces_idx": torch.arange(79 * 17).reshape(79, 17) % F, "dynamic_lmk_bary_coords": torch.tensor([0.0, 0.5, 0.5]).expand(79, 17, 3),
       "full_lmk_faces_idx": np.arange(68)[None] % F, "full_lmk_bary_coords": np.tile(np.float32([1, 0, 0]), (1, 68, 1))}
np.save("flame_landmarks.npy", lmk, allow_pickle=True)
with open("flame_static.pkl", "wb") as f: pickle.dump({"lmk_face_idx": lmk["static_lmk_faces_idx"].astype(np.uint32), "lmk_b_coords": lmk["static_lmk_bary_coords"]}, f, 2)
np.save("flame_dynamic.npy", {"lmk_face_idx": list(lmk["dynamic_lmk_faces_idx"].numpy()), "lmk_b_coords": [r.astype(np.float64) for r in lmk["dynamic_lmk_bary_coords"].numpy()]}, allow_pickle=True)
with open("flame.obj", "w") as f:                       # triangles reversed and turned; corner of vertex n has texture n + 1
    for n in k: f.write("v 0 0 0\n")
    for n in range(V + 1): f.write(f"vt {n / 16} {1 - n / 16}\n")
    for a, b, c in fl["f"][::-1].tolist(): f.write(f"f {b + 1}/{b + 2} {c + 1}/{c + 2} {a + 1}/{a + 2}\n")

# A generator snapshot with Next3D's structure and almost no numbers: objects through the persistence hook, source text included.
torch_utils = types.ModuleType("torch_utils.persistence")
sys.modules.update({"torch_utils": types.ModuleType("torch_utils"), "torch_utils.persistence": torch_utils})
def _reconstruct_persistent_obj(meta): return meta
_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
torch_utils._reconstruct_persistent_obj = _reconstruct_persistent_obj


class Persistent:
    def __init__(self, name, params=(), children=(), **attrs):
        state = dict(training=False, _parameters=collections.OrderedDict(params), _buffers=collections.OrderedDict(), _modules=collections.OrderedDict(children), **attrs)
        self.meta = dict(type="class", version=6, module_src="raise SystemExit('executed')", class_name=name, state=state)
    def __reduce__(self): return _reconstruct_persistent_obj, (self.meta,)


P, M, W = torch.nn.Parameter, Persistent, ramp((2, 2), torch.float32)
linear = lambda o, i: M("FullyConnectedLayer", dict(weight=P(ramp((o, i), torch.float32)), bias=P(torch.zeros(o))))
cond = lambda n: M("Generator", children=dict(synthesis=M("SynthesisNetwork", in_size=n, final_size=n // 8, num_cond_res=n // 2, img_resolution=64)))
sr = lambda n: M("SynthesisBlock", children=dict(conv0=M("SynthesisLayer", up=2), conv1=M("SynthesisLayer", dict(weight=P(torch.zeros(n, 2, 3, 3))), conv_clamp=256)))
root = M("TriPlaneGenerator", dict(faces=ramp((1, 7, 3), torch.int64), dense_faces=torch.zeros(1, 1, 3)), dict(
    renderer=M("ImportanceRenderer", plane_axes=torch.arange(27.0).reshape(3, 3, 3)),
    backbone=M("Generator", children=dict(synthesis=M("SynthesisNetwork", img_resolution=64), mapping=M("MappingNetwork", children=dict(fc0=linear(3, 2), fc1=linear(3, 3))))),
    mouth_backbone=cond(32), neural_blending=cond(64), superresolution=M("SuperresolutionHybrid8XDC", children=dict(block0=sr(6), block1=sr(4)), input_resolution=128),
    decoder=M("OSGDecoder", children=dict(net=M("Sequential", children={"0": linear(5, 3), "2": linear(4, 5)})))),
    z_dim=11, c_dim=25, w_dim=13, neural_rendering_resolution=32, uv_face_mask=torch.ones(1, 1, 4, 4), orth_scale=torch.tensor([[5.0]]), orth_shift=torch.tensor([[0.0, -0.5, 0.25]]),
    rendering_kwargs=dict(c_scale=0.5, depth_resolution=12, depth_resolution_importance=10, ray_start=2.25, ray_end=3.5, box_warp=1, clamp_mode="softplus", avg_camera_pivot=[0, 0, 0.25]),
    _init_args=(), _init_kwargs=dict(channel_base=2048, channel_max=24, conv_clamp=None, topology_path="a/b.obj", gain=np.sqrt(4)))
with open("next3d.pkl", "wb") as f: pickle.dump(dict(training_set_kwargs=dict(path="x"), G=None, D=None, G_ema=root, augment_pipe=None), f)
