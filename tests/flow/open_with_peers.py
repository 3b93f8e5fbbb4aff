"""Opens a run file with programs that are not ours and compares what they see with
the contract: python open_with_peers.py RUN.h5

h5py reads the HDF5 structure; xarray, with either engine, and ncdump read it as
netCDF-4. A file whose distributions are float16, which netCDF does not have, is
left to h5py and h5netcdf."""
import re
import subprocess
import sys

import h5py
import numpy as np
import xarray as xr

AXES = ["layer", "head", "kv_head", "row", "k", "ratio", "mass", "rank", "distance_bin", "map_q", "map_k",
        "sequence", "token", "token_edge"]
LHR = ("layer", "head", "row")
FIELDS = {
    "row_sequence": ("row",), "row_position": ("row",), "row_token": ("row",), "row_nll": ("row",),
    "row_visible": ("layer", "row"),
    **{f"stat/{n}": LHR for n in ("lse", "entropy", "score_variance", "renyi2", "max_prob", "sink_mass",
                                  "recent_mass", "mean_distance")},
    "stat/mass_at_k": (*LHR, "k"), "stat/mass_at_ratio": (*LHR, "ratio"), "stat/k_at_mass": (*LHR, "mass"),
    "stat/output_error": (*LHR, "k"), "topk/index": (*LHR, "rank"), "topk/prob": (*LHR, "rank"),
    "profile/distance": ("layer", "head", "distance_bin"), "profile/map": ("layer", "head", "map_q", "map_k"),
    "sequence_name": ("sequence",), "sequence_length": ("sequence",), "sequence_task": ("sequence",),
    "sequence_score": ("sequence",), "sequence_nll": ("sequence",),
    "token_id": ("token",), "token_offset": ("token_edge",),
}
OPTIONAL = {"stat/output_error", "topk/index", "topk/prob"}
SETS = {"head": ("head",), "group": ("kv_head",), "layer": ()}
REFERENCES = {"head": ("head",), "group": ("kv_head",), "sum": (), "max": ()}
BUDGETS = (("", "k"), ("_at_ratio", "ratio"))


def shadow_fields(f):
    """Fields of shadowed selectors and their axes, as the contract says."""
    fields = {}
    for r, axis in REFERENCES.items() if "selector" in f else ():
        for end, budget in BUDGETS:
            for name in ("mass", "gap") if r != "head" else ("gap",):
                fields[f"reference/{r}/{name}{end or '_at_k'}"] = ("layer", *axis, "row", budget)
    for s in f.get("selector", ()):
        sets = SETS[f["selector"][s].attrs["sets"]]
        assert isinstance(f["selector"][s].attrs["spec"], str) and f["selector"][s].attrs["own_budget"] in (0, 1), s
        if f"selector/{s}/index" in f:
            fields[f"selector/{s}/index"] = ("layer", *sets, "row", "rank")
        for end, budget in BUDGETS:
            add = lambda name, axes: fields.update({f"selector/{s}/{name}{end}": ("layer", *axes, "row", budget)})
            for name in ("retained_mass", "chance"):
                add(name, ("head",))
            for name in ("kept", "overlap_layer", "overlap_step"):
                add(name, sets)
            if sets:
                add("overlap_heads", ())
            if sets == ("head",):
                add("union", ("kv_head",))
            for r, axis in REFERENCES.items():
                for name in ("mass_recall", "top1_hit"):
                    add(f"{r}/{name}", axis)
                for name in ("recall", "recall_tied"):
                    fields[f"selector/{s}/{r}/{name}{end or '_at_k'}"] = ("layer", *axis, "row", budget)
                if f"selector/{s}/{r}/rank_correlation" in f:
                    fields[f"selector/{s}/{r}/rank_correlation"] = ("layer", *axis, "row")
    return fields
UNITS = {
    "row_nll": "nat", "row_visible": "keys", "stat/lse": "nat", "stat/entropy": "nat", "stat/renyi2": "nat",
    "stat/score_variance": "nat2", "stat/mean_distance": "tokens", "stat/k_at_mass": "keys", "stat/mass_at_k": "1",
    "sequence_length": "tokens",
}
ATTRIBUTES = ["format", "format_version", "attnmeter_version", "command_line", "model_family", "model_digest", "kernel",
              "attention", "rope_layout", "scale", "dtype", "tie_rule", "seed", "row_policy", "created", "finished",
              "complete"]


def scale_of(f, field, axis):
    """Heads have scales of their own where a group `head` is in the way at the root."""
    own = axis == "head" and "selector" in f and "/" in field and not re.fullmatch(r"selector/s\d+/\w+", field)
    return f"/{field.rsplit('/', 1)[0]}/head" if own else "/" + axis


def check_h5py(path):
    """Structure, and what the other readers are compared with."""
    seen = {}
    with h5py.File(path) as f:
        for name in ATTRIBUTES:
            assert name in f.attrs, name
        assert f.attrs["format"] == "attnmeter-run" and f.attrs["complete"] == 1
        for axis in AXES:
            if axis in f:
                d = f[axis]
                bare = axis == "head" and "selector" in f
                name = f"This is a netCDF dimension but not a netCDF variable.{len(d):10d}" if bare else axis
                assert d.is_scale and d.attrs["NAME"] == name.encode() and d.ndim == 1, axis
                assert d.attrs["units"] and d.attrs["long_name"], axis
                seen[axis] = d[()]
        more = shadow_fields(f)
        if more:
            held = []
            for top in ("selector", "reference"):
                f[top].visititems(lambda name, item: held.append(f"{top}/{name}")
                                  if isinstance(item, h5py.Dataset) and not item.is_scale else None)
            assert set(held) == set(more), set(held) ^ set(more)
        for field, axes in {**FIELDS, **more}.items():
            if field not in f:
                assert field in OPTIONAL, field
                continue
            d = f[field]
            assert [d.dims[i][0].name for i in range(d.ndim)] == [scale_of(f, field, a) for a in axes], field
            for i, axis in enumerate(axes):
                assert np.array_equal(d.dims[i][0][()], seen[axis]), (field, axis)
            assert d.shape == tuple(len(seen[a]) for a in axes), field
            assert d.attrs["units"] == UNITS.get(field, d.attrs["units"]) and d.attrs["long_name"], field
            if d.dtype.kind == "f":
                assert np.isnan(d.fillvalue) and np.isnan(d.attrs["_FillValue"]), field
            elif d.dtype.kind == "i":
                assert d.fillvalue == -1 and d.attrs["_FillValue"] == -1, field
            seen[field] = d[()]
        for field in ("stat/entropy", "row_nll"):
            assert f[field].chunks and f[field].shuffle and f[field].compression == "gzip", field
        layers = [str(i) for i in seen["layer"]]
        if "dist" in f:
            assert sorted(f["dist"]) == sorted(layers)
            for layer in layers:
                check_dist(f["dist"][layer], seen, layers.index(layer))
        seen["shadow"] = more
        half = "dist" in f and f["dist"][layers[0]]["prob"].dtype == np.float16
    return seen, half


def check_dist(group, seen, layer):
    prob, offset = group["prob"], group["offset"][()]
    assert prob.shape == (len(seen["head"]), offset[-1]) and offset[0] == 0
    assert (np.diff(offset) == seen["row_visible"][layer]).all()
    row = len(offset) // 2 - 1
    p = prob[0, offset[row]:offset[row + 1]].astype(float)
    assert abs(p.sum() - 1) < 1e-2
    h = -(p[p > 0] * np.log(p[p > 0])).sum()
    assert abs(h - seen["stat/entropy"][layer, 0, row]) < 2e-2


def same(a, b):
    return np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)


def check_xarray(path, engine, seen):
    with xr.open_datatree(path, engine=engine) as tree:
        assert tree.attrs["format"] == "attnmeter-run"
        for field, axes in {**FIELDS, **seen["shadow"]}.items():
            if field not in seen:
                continue
            a = tree[field]
            assert a.dims == axes, (field, a.dims)
            if field in ("sequence_name", "sequence_task"):
                assert [v.decode() for v in seen[field]] == list(a.values), field
                continue
            want = seen[field].astype(float)
            if seen[field].dtype.kind == "i":
                want[seen[field] == -1] = np.nan  # missing, as xarray decodes it
            assert same(a.values, want), field
            for axis in axes:
                if axis == "head" and re.fullmatch(r"selector/s\d+/\w+", field):
                    assert "head" not in a.coords, field  # its group has a child of that name
                    continue
                assert same(a.coords[axis], seen[axis]), (field, axis)
            assert a.attrs["units"] == UNITS.get(field, a.attrs["units"]), field
        # By value, not by position.
        layer, k = int(seen["layer"][-1]), int(seen["k"][-1])
        picked = tree["stat/mass_at_k"].sel(layer=layer, k=k)
        assert same(picked, seen["stat/mass_at_k"][-1, :, :, -1])
        if "dist" in tree:
            assert tree[f"dist/{layer}/prob"].dims == ("head", "element")
            assert tree[f"dist/{layer}/offset"].dims == ("row_edge",)
    for group in ("selector/s0", "selector/s0/head") if seen["shadow"] else ():
        with xr.open_dataset(path, group=group, engine=engine) as one:
            for name in one.data_vars:
                assert same(one[name], np.where(seen[f"{group}/{name}"] == -1, np.nan, seen[f"{group}/{name}"]))
    with xr.open_dataset(path, group="stat", engine=engine) as stat:
        assert stat["entropy"].dims == LHR and same(stat["entropy"], seen["stat/entropy"])


def check_ncdump(path, seen):
    text = subprocess.run(["ncdump", "-h", path], check=True, capture_output=True, text=True).stdout
    for axis in AXES:
        if axis in seen:
            assert re.search(rf"^\t{axis} = .*\b{len(seen[axis])}\b", text, re.M), axis
    for field, axes in FIELDS.items():
        if field in seen:
            name = field.rsplit("/", 1)[-1]
            assert re.search(rf"\b{name}\({', '.join(axes)}\) ;", text), field


def main(path):
    seen, half = check_h5py(path)
    engines = ["h5netcdf"] if half else ["h5netcdf", "netcdf4"]
    for engine in engines:
        check_xarray(path, engine, seen)
    if not half:
        check_ncdump(path, seen)
        engines.append("ncdump")
    print(f"{path}: the same in h5py, {', '.join(engines)}; {len(seen['row'])} rows, "
          f"{sum(f in seen for f in FIELDS)} fields")


if __name__ == "__main__":
    for argument in sys.argv[1:] or sys.exit("usage: open_with_peers.py RUN.h5 ..."):
        main(argument)
