"""Trains small LightGBM models on made-up data and writes what src/models/trees/*.test.ts compare with.

One JSON file a case: the model's text, rows to predict (null is NaN, "inf" and "-inf" are infinite), and LightGBM's own
raw scores, answers and contributions (pred_contrib, expected value last, class by class).

draws/cases.json is about training: tables of levels, and models trained on shares of their rows and columns.

Run in a virtual environment with lightgbm and numpy:
    python bench/peers/lightgbm/fixtures.py src/models/trees/fixtures
"""

import base64
import json
import math
import pathlib
import sys

import lightgbm
import numpy

ROWS = 400


def figures(seed, columns=5):
    return numpy.random.default_rng(seed).normal(size=(ROWS, columns))


def signal(x):
    return numpy.sin(2 * x[:, 0]) + x[:, 1] * (x[:, 2] > 0) + 0.3 * x[:, 3] ** 2


def train(params, x, y, rounds=4, **dataset):
    settings = {"num_leaves": 6, "min_data_in_leaf": 10, "learning_rate": 0.2, "verbose": -1, "num_threads": 1,
                "seed": 1, "deterministic": True, **params}
    data = lightgbm.Dataset(x, label=y, free_raw_data=False, **dataset)
    return lightgbm.train(settings, data, num_boost_round=rounds)


def told(value):
    if isinstance(value, (list, numpy.ndarray)):
        return [told(each) for each in value]
    number = float(value)
    return None if math.isnan(number) else ("inf" if number > 0 else "-inf") if math.isinf(number) else number


def cases():
    x = figures(1)
    noise = numpy.random.default_rng(2).normal(size=ROWS)
    f = signal(x)
    plain = numpy.vstack([x[:9], numpy.zeros((1, 5)), [[math.nan] * 5], [[math.inf, -math.inf, 1e-36, -0.0, 1e300]]])
    yield "regression", train({"objective": "regression"}, x, f + 0.2 * noise), plain
    yield "regressionSqrt", train({"objective": "regression", "reg_sqrt": True}, x, f + 0.2 * noise), plain
    yield "l1", train({"objective": "regression_l1"}, x, f + 0.2 * noise), plain
    yield "huber", train({"objective": "huber", "alpha": 0.7}, x, f + 0.2 * noise), plain
    yield "quantile", train({"objective": "quantile", "alpha": 0.8}, x, f + 0.2 * noise), plain
    yield "poisson", train({"objective": "poisson"}, x, numpy.round(numpy.exp(0.5 * f))), plain
    yield "gamma", train({"objective": "gamma"}, x, numpy.exp(0.5 * f + 0.3 * noise)), plain
    yield "binary", train({"objective": "binary", "sigmoid": 1.5}, x, (f + noise > 0).astype(float)), plain
    label = numpy.digitize(f + 0.3 * noise, [-0.3, 0.9]).astype(float)
    yield "multiclass", train({"objective": "multiclass", "num_class": 3}, x, label, 3), plain
    yield "monotone", train({"objective": "regression", "monotone_constraints": [0, 1, -1, 0, 0]}, x, f + noise), plain
    forest = {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}
    yield "randomForest", train(forest, x, (f + noise > 0).astype(float)), plain
    # Nothing to split on: trees of one leaf.
    yield "stump", train({"objective": "regression", "min_data_in_leaf": ROWS}, x, f, 2), plain[:3]
    # A deep tree on one column after another, so that a path meets the same column again.
    yield "deep", train({"objective": "regression", "num_leaves": 31, "min_data_in_leaf": 3}, x, f + 0.2 * noise, 3), plain

    holes = figures(3)
    holes[numpy.random.default_rng(4).uniform(size=holes.shape) < 0.3] = math.nan
    target = numpy.where(numpy.isnan(holes[:, 0]), 1.5, numpy.nan_to_num(holes[:, 0])) + numpy.nan_to_num(holes[:, 1]) + 0.1 * noise
    asked = numpy.vstack([holes[:10], [[math.nan] * 5], numpy.zeros((1, 5))])
    yield "nanMissing", train({"objective": "regression"}, holes, target), asked

    # Only whether the first column is known matters: an infinite threshold.
    known = holes.copy()
    known[:, 0] = numpy.where(numpy.isnan(holes[:, 0]), math.nan, numpy.random.default_rng(9).integers(0, 2, size=ROWS))
    target = numpy.isnan(known[:, 0]) + 0.3 * noise
    asked = numpy.vstack([known[:6], [[math.inf] * 5], [[-math.inf] * 5], [[math.nan] * 5], [[1e308] * 5]])
    yield "missingOnly", train({"objective": "regression"}, known, target), asked

    gaps = figures(5)
    gaps[numpy.random.default_rng(6).uniform(size=gaps.shape) < 0.4] = 0
    target = numpy.where(gaps[:, 0] == 0, -2, gaps[:, 0]) - gaps[:, 1] * (gaps[:, 2] == 0) + 0.1 * noise
    tiny = [[1e-36, -1e-36, 1e-35, -1e-35, 1.1e-35], [math.nan, 0, -0.0, math.nan, 1], [2e-35, 1e-34, -2e-35, 0, 0]]
    yield "zeroMissing", train({"objective": "regression", "zero_as_missing": True}, gaps, target), numpy.vstack([gaps[:9], tiny])

    mixed = figures(7, 4)
    random = numpy.random.default_rng(8)
    mixed[:, 1] = random.integers(0, 70, size=ROWS)
    mixed[:, 2] = random.integers(0, 3, size=ROWS)
    mixed[random.uniform(size=ROWS) < 0.1, 1] = math.nan
    target = 0.5 * mixed[:, 0] + numpy.sin(numpy.nan_to_num(mixed[:, 1])) + (mixed[:, 2] == 1) + 0.1 * noise
    odd = [[0, -1, 0, 0], [0, 1000, 1, 0], [0, math.nan, math.nan, 0], [0, 3.7, 1.2, 0], [0, -0.5, 2, 0],
           [0, 4294967297, 4294967297, 0], [0, math.inf, -math.inf, 0], [0, 2147483648, 2147483647, 0]]
    settings = {"objective": "regression", "min_data_per_group": 5, "cat_smooth": 1, "num_leaves": 10}
    model = train(settings, mixed, target, categorical_feature=[1, 2], feature_name=["move", "hour", "venue", "other"])
    yield "categorical", model, numpy.vstack([mixed[:10], odd])


def drawn():
    """Levels, of which there are more than bins in one of the fits; of the columns some are of no use to any split."""
    rows, random = 2500, numpy.random.default_rng(11)
    x = random.integers(1, 61, size=(rows, 14)).astype(numpy.uint8)
    x[:, 0] = 7
    x[:, 4] = 1 + (numpy.arange(rows) < 5)
    x[:, 5][random.uniform(size=rows) < 0.1] = 255  # Stands for a missing figure.
    x[:, 9] = 255
    x[:, 10] = 1 + numpy.arange(rows) % 2  # Halves of equal size: which has its columns drawn first?
    x[:, 12] = 3  # 12 and 13 are categories.
    x[:, 13] = numpy.arange(rows) < 3
    f = x[:, 1] * (x[:, 2] > 20) + 20 * numpy.sin(x[:, 3] / 9) + x[:, 6] - 0.01 * x[:, 7] * x[:, 8] + 40 * x[:, 10] - 60
    f += 9 * random.normal(size=rows)
    label = numpy.round(f).astype(numpy.int16)
    figures = numpy.where(x == 255, math.nan, x.astype(float))
    figures[:, 8] = (figures[:, 8] - 30) / 8  # Figures of both signs, and zeros.
    targets = {"regression": label, "binary": label > 60, "multiclass": numpy.digitize(label, [40, 75])}
    fits = [
        {"objective": "regression", "bagging_fraction": 0.8, "bagging_freq": 2, "feature_fraction": 0.8, "seed": 1},
        {"objective": "regression", "feature_fraction": 0.5, "feature_fraction_bynode": 0.5, "seed": 0},
        {"objective": "regression", "bagging_fraction": 0.3, "bagging_freq": 1, "feature_fraction_bynode": 0.4, "seed": -7,
         "min_data_in_leaf": 90},
        {"objective": "regression", "feature_fraction": 0.2, "seed": 12345, "max_bin": 20},
        {"objective": "regression", "feature_fraction_bynode": 0.05, "seed": 32768, "max_depth": 3},
        {"objective": "binary", "min_data_in_leaf": 150, "bagging_fraction": 0.8, "bagging_freq": 5, "feature_fraction": 0.8, "seed": 3},
        {"objective": "multiclass", "num_class": 3, "min_data_in_leaf": 1, "bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.7,
         "feature_fraction_bynode": 0.7, "seed": 2},
        # The first toss takes all rows: there is no other.
        {"objective": "regression", "bagging_fraction": 0.995, "bagging_freq": 1, "seed": 2, "rows": 300, "min_data_in_bin": 1},
    ]
    for fit in fits:
        count = fit.get("rows", rows)
        settings = {"num_leaves": 10, "learning_rate": 0.2, "min_sum_hessian_in_leaf": 1, "cat_smooth": 10,
                    "min_data_in_leaf": 20, "max_bin": 255, **fit}
        settings.pop("rows", None)
        parameters = {**settings, "num_threads": 1, "deterministic": True, "force_col_wise": True, "verbose": -1}
        data = lightgbm.Dataset(figures[:count], label=targets[fit["objective"]][:count].astype(float), categorical_feature=[12, 13])
        model = lightgbm.train(parameters, data, 8)
        yield {"rows": count, "parameters": settings, "model": model.model_to_string()}
    told = base64.b64encode(x.T.tobytes()).decode(), base64.b64encode(label.tobytes()).decode()
    yield {"columns": 14, "categorical": [12, 13], "figures": told[0], "labels": told[1]}


def main(folder):
    folder = pathlib.Path(folder)
    (folder / "draws").mkdir(exist_ok=True)
    *fits, table = drawn()
    cases_of_draws = {"lightgbm": lightgbm.__version__, **table, "fits": fits}
    (folder / "draws" / "cases.json").write_text(json.dumps(cases_of_draws) + "\n")
    for name, model, rows in cases():
        # Through its own text, so that what is predicted is what the text says.
        text = model.model_to_string()
        again = lightgbm.Booster(model_str=text)
        answers = {
            "case": name,
            "lightgbm": lightgbm.__version__,
            "model": text,
            "rows": told(rows),
            "raw": told(again.predict(rows, raw_score=True)),
            "answers": told(again.predict(rows)),
            "contributions": told(again.predict(rows, pred_contrib=True)),
        }
        (folder / f"{name}.json").write_text(json.dumps(answers) + "\n")
        print(name, len(text))


main(sys.argv[1])
