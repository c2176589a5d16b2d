"""Trains LightGBM or XGBoost once on the figures compare.mjs wrote, and prints what it took. One process a run.

   python peer.py FOLDER lightgbm|xgboost THREADS
"""

import json
import os
import resource
import sys
import time

folder, library, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = str(threads)

import numpy as np  # noqa: E402

settings = json.load(open(f"{folder}/settings.json"))
columns = settings["columns"]


def read(name):
    # As libraries like it best: one row after another, in memory before the clock starts.
    figures = np.fromfile(f"{folder}/{name}.figures", dtype=np.float32).reshape(columns, -1)
    return np.ascontiguousarray(figures.T), np.fromfile(f"{folder}/{name}.labels", dtype=np.float64)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def with_lightgbm(x, y, test):
    import lightgbm

    parameters = {
        "objective": settings["objective"],
        "num_leaves": settings["leaves"],
        "learning_rate": settings["learningRate"],
        "max_bin": settings["bins"],
        "min_data_in_leaf": settings["rowsPerLeafMin"],
        "num_threads": threads,
        "verbose": -1,
    }
    wall, used = time.perf_counter(), cpu()
    data = lightgbm.Dataset(x, y, params=parameters).construct()
    model = lightgbm.train(parameters, data, settings["rounds"])
    return time.perf_counter() - wall, cpu() - used, model.predict(test)


def with_xgboost(x, y, test):
    import xgboost

    parameters = {
        "objective": {"regression": "reg:squarederror", "binary": "binary:logistic"}[settings["objective"]],
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_depth": 0,
        "max_leaves": settings["leaves"],
        "eta": settings["learningRate"],
        "max_bin": settings["bins"],
        "min_child_weight": settings["rowsPerLeafMin"] if settings["objective"] == "regression" else 1e-3,
        "lambda": 0,
        "nthread": threads,
    }
    wall, used = time.perf_counter(), cpu()
    data = xgboost.QuantileDMatrix(x, y, max_bin=settings["bins"], nthread=threads)
    model = xgboost.train(parameters, data, settings["rounds"])
    return time.perf_counter() - wall, cpu() - used, model.predict(xgboost.DMatrix(test))


x, y = read("train")
test, expected = read("test")
wall, used, forecast = {"lightgbm": with_lightgbm, "xgboost": with_xgboost}[library](x, y, test)
if settings["objective"] == "binary":
    p = np.clip(forecast.astype(np.float64), 1e-15, 1 - 1e-15)
    loss = float(-np.mean(np.where(expected > 0, np.log(p), np.log(1 - p))))
else:
    loss = float(np.mean((forecast.astype(np.float64) - expected) ** 2))
print(json.dumps({"wall": wall, "cpu": used, "loss": loss}))
