"""Run files of attnmeter in Python: a thin reader for notebooks.

    import attnmeter
    run = attnmeter.open("run.h5")      # xarray.DataTree
    rows = attnmeter.rows(run)          # /stat with what each row is, as coordinates
    rows.entropy.sel(layer=3).groupby("sequence_of_row").mean("row")

attnmeter.capture records queries and keys of a Hugging Face model for `attnmeter replay`.

Needs xarray and h5netcdf. The file itself needs neither: docs/run-file.md tells
how to read it with h5py alone.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray

__all__ = ["open", "rows", "sequence_means"]

def open(path: str | os.PathLike[str]) -> xarray.DataTree:  # noqa: A001 - the verb users know
    """The whole file as a tree of datasets, read lazily. Interrupted runs (.part) open
    too; `complete` is among the attributes. ValueError when it is no run file."""
    import xarray  # here, so that attnmeter.capture does without

    tree = xarray.open_datatree(path, engine="h5netcdf")
    if tree.attrs.get("format") != "attnmeter-run":
        tree.close()
        raise ValueError(f"{os.fspath(path)}: expected an attnmeter run file, found format {tree.attrs.get('format')!r}")
    return tree


def rows(run: xarray.DataTree) -> xarray.Dataset:
    """The statistics of every captured row, [layer, head, row, ...], with sequence,
    position, token and NLL of each row, and n (visible keys, [layer, row])."""
    stat = run["stat"].to_dataset()
    return stat.assign_coords(
        sequence_of_row=("row", run["row_sequence"].values.astype(int)),
        position=("row", run["row_position"].values.astype(int)),
        token=("row", run["row_token"].values.astype(int)),
        nll=("row", run["row_nll"].values),
        visible=(("layer", "row"), run["row_visible"].values.astype(int)),
    )


def sequence_means(values: xarray.DataArray) -> xarray.DataArray:
    """Mean over the rows of each sequence, the first step of every mean in attnmeter
    (rows, then sequences, then tasks, with equal weight at each step)."""
    return values.groupby("sequence_of_row").mean("row")
