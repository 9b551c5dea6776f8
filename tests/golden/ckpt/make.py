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
