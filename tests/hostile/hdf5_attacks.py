"""HDF5 files that lead elsewhere, declare too much, or hold something else in an array's place."""

import os
import zlib

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

_ZEROS = 2**24
# What a file must never give: the first bytes of somebody's file.
SECRET = b"-----BEGIN PRIVATE KEY----- " * 64


def write_secret(path):
    with open(path, "wb") as file:
        file.write(SECRET)


def holds_secret(x):
    """Whether an array was read from the secret."""
    return SECRET[:16] in np.ascontiguousarray(x).tobytes()


def place(file):
    """Give the path of a dataset of numbers, the first one."""
    found = []
    file.visititems(
        lambda name, x: (
            found.append(name) if isinstance(x, h5py.Dataset) and x.dtype.kind in "fiu" else None
        )
    )
    return found[0]


def _external_link(file, name, x, secret):
    with h5py.File(f"{secret}.h5", "w") as other:
        other["x"] = np.frombuffer(SECRET, "u1")
    file[name] = h5py.ExternalLink(f"{secret}.h5", "/x")


def _external_storage(file, name, x, secret):
    count = min(x.nbytes, len(SECRET))
    file.create_dataset(name, x.shape, x.dtype, external=[(str(secret), 0, count)])


def _virtual(file, name, x, secret):
    with h5py.File(f"{secret}.h5", "w") as other:
        other["x"] = np.resize(np.frombuffer(SECRET, "u1"), x.nbytes).view(x.dtype).reshape(x.shape)
    layout = h5py.VirtualLayout(x.shape, x.dtype)
    layout[...] = h5py.VirtualSource(f"{secret}.h5", "x", x.shape)
    file.create_virtual_dataset(name, layout)


def _virtual_of_itself(file, name, x, secret):
    layout = h5py.VirtualLayout(x.shape, x.dtype)
    layout[...] = h5py.VirtualSource(".", name, x.shape)
    file.create_virtual_dataset(name, layout)


def _soft_link(file, name, x, secret):
    file["there"] = x
    file[name] = h5py.SoftLink("/there")


def _soft_circle(file, name, x, secret):
    file[name] = h5py.SoftLink(f"/{name}")


def _hard_circle(file, name, x, secret):
    file[name] = x
    group = file[name].parent
    group["again"] = group


def _deep(file, name, x, secret):
    file[name] = x
    group = file
    for _ in range(3_000):
        group = group.create_group("a")


def _many_ways(file, name, x, secret):
    # Each group holds the next one twice: to walk all ways takes 2 ** 30 steps.
    file[name] = x
    groups = [file.create_group(f"ways/{i}") for i in range(30)]
    for group, following in zip(groups, groups[1:], strict=False):
        group["a"] = group["b"] = following


def _group(file, name, x, secret):
    file.create_group(name)


def _null(file, name, x, secret):
    file[name] = h5py.Empty("f4")


def _scalar(file, name, x, secret):
    file[name] = 1.0


def _shape_bomb(file, name, x, secret):
    file.create_dataset(name, (2**20, 2**20), "f8", chunks=(64, 64))


def _contiguous_bomb(file, name, x, secret):
    file.create_dataset(name, (2**20, 2**17), "f8")


def _empty_bomb(file, name, x, secret):
    file.create_dataset(name, (2**40, 0), "f8")


def _deflated_zeros(count):
    """Give `count` times 16 MB of zeros, deflated: 16 kB each."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(_ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    checksum = (count * _ZEROS % 65521) << 16 | 1
    return b"\x78\x9c" + block * count + end + checksum.to_bytes(4, "big")


def _gzip_bomb(file, name, x, secret):
    # 2 MB become 2 GB.
    width = x.shape[-1] if x.ndim else 1
    rows = _ZEROS // 4 // width
    made = file.create_dataset(
        name, (128 * rows, width), "f4", chunks=(rows, width), compression="gzip"
    )
    data = _deflated_zeros(1)
    for i in range(128):
        made.id.write_direct_chunk((i * rows, 0), data)


def _gzip_chunk_bomb(file, name, x, secret):
    # A chunk of a megabyte becomes 8 GB.
    how = {"maxshape": (None,) * x.ndim, "compression": "gzip"}
    chunks = (2**18, *[1] * (x.ndim - 1))
    made = file.create_dataset(name, x.shape, "f4", chunks=chunks, **how)
    made.id.write_direct_chunk((0,) * x.ndim, _deflated_zeros(512))


def _gzip_twice(file, name, x, secret):
    how = h5p.create(h5p.DATASET_CREATE)
    how.set_chunk(x.shape or (1,))
    how.set_deflate(9)
    how.set_deflate(9)
    _low_level(file, name, x.shape or (1,), h5t.py_create(x.dtype), how)
    file[name][...] = x


def _scaled(file, name, x, secret):
    file.create_dataset(name, data=np.ones(x.shape, "i4"), chunks=x.shape, scaleoffset=0)


def _low_level(file, name, shape, kind, how):
    links = h5p.create(h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), dcpl=how, lcpl=links)


def _same_texts(file, name, x, secret):
    # One text of a megabyte, which every element names.
    made = file.create_dataset(name, (100_000, 1), h5py.string_dtype())
    made[0] = "a" * 2**20
    file.flush()
    heap = made.id.get_offset()
    filename = file.filename
    file.close()
    with open(filename, "r+b") as raw:
        raw.seek(heap)
        first = raw.read(16)
        raw.seek(heap)
        raw.write(first * 100_000)


def _kind(dtype):
    def make(file, name, x, secret):
        file.create_dataset(name, x.shape, dtype)

    return make


def _value(value):
    def make(file, name, x, secret):
        file[name] = np.full(x.shape, value, x.dtype if x.dtype.kind == "f" else "f4")

    return make


def _shape(change):
    def make(file, name, x, secret):
        file[name] = change(x)

    return make


CHANGES = {
    "external link": _external_link,
    "external storage": _external_storage,
    "virtual dataset": _virtual,
    "virtual dataset of itself": _virtual_of_itself,
    "soft link": _soft_link,
    "soft link to itself": _soft_circle,
    "hard link to its group": _hard_circle,
    "deep groups": _deep,
    "many ways": _many_ways,
    "group": _group,
    "null dataspace": _null,
    "scalar": _scalar,
    "shape bomb": _shape_bomb,
    "contiguous bomb": _contiguous_bomb,
    "empty bomb": _empty_bomb,
    "gzip bomb": _gzip_bomb,
    "gzip chunk bomb": _gzip_chunk_bomb,
    "gzip twice": _gzip_twice,
    "scaleoffset": _scaled,
    "same texts": _same_texts,
    "complex": _shape(lambda x: x.astype("c8")),
    "compound": _kind([("a", "f4"), ("b", "i4")]),
    "texts": _kind(h5py.string_dtype()),
    "bytes": _kind("S5"),
    "references": _kind(h5py.ref_dtype),
    "ragged": _kind(h5py.vlen_dtype("f4")),
    "opaque": _kind("V7"),
    "bool": _kind("?"),
    "enum": _kind(h5py.enum_dtype({"a": 1})),
    "arrays": _kind(np.dtype(("f4", (3,)))),
    "NaN": _value(np.nan),
    "infinite": _value(np.inf),
    "one axis more": _shape(lambda x: x[None]),
    "one axis less": _shape(lambda x: x.reshape(-1)),
    "no rows": _shape(lambda x: x[:0] if x.ndim else x),
    "fewer rows": _shape(lambda x: x[:-1] if x.ndim else x),
    "no columns": _shape(lambda x: x[..., :0] if x.ndim else x),
    "twice": _shape(lambda x: np.concatenate([x, x]) if x.ndim else x),
}


def apply(change, path, secret):
    """Put something else in the place of the first dataset of numbers in a file."""
    write_secret(secret)
    file = h5py.File(path, "a")
    name = place(file)
    x = file[name][()]
    del file[name]
    try:
        CHANGES[change](file, name, np.asarray(x), secret)
    finally:
        if file:
            file.close()
    os.utime(path)
