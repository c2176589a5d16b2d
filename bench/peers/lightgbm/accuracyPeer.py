"""LightGBM on its own examples, for accuracy.mjs and sameTrees.mjs: reads settings and tables there, writes forecasts of every
seed, and the model as text where it is asked for.

   python accuracyPeer.py FOLDER
"""

import json
import sys

import lightgbm
import numpy as np

folder = sys.argv[1]
for case in json.load(open(f"{folder}/cases.json")):

    def read(name, part):
        try:
            return np.fromfile(f"{folder}/{case['name']}.{part}.{name}", dtype=np.float64)
        except FileNotFoundError:
            return None

    def table(part):
        return read("figures", part).reshape(case["columns"], -1).T

    for seed in case["seeds"]:
        # One thread and one way of counting: sums of floats, and trees where gains nearly tie, depend on both.
        steady = {"num_threads": 1, "deterministic": True, "force_col_wise": True, "verbose": -1}
        parameters = {**case["lightgbm"], "seed": seed, **steady}
        data = lightgbm.Dataset(
            table("train"), read("labels", "train"), weight=read("weights", "train"), init_score=read("starts", "train")
        )
        model = lightgbm.train(parameters, data, case["rounds"])
        raw = model.predict(table("test"), raw_score=True)
        raw.astype(np.float64).tofile(f"{folder}/{case['name']}.{seed}.raw")
        if case.get("text"):
            model.save_model(f"{folder}/{case['name']}.{seed}.txt")
