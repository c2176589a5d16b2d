"""The rivals' part of compare.mjs: one process, one line of JSON.

   python peer.py FOLDER quantlib|py_vollib|py_lets_be_rational
"""

import json
import math
import sys
import time
import warnings

folder, library = sys.argv[1], sys.argv[2]
import numpy as np

warnings.simplefilter("ignore")


def read(name):
    return np.fromfile(f"{folder}/{name}.options", dtype=np.float64).reshape(7, -1)


def per_second(count, body):
    """Calls a second of CPU; as for gimbal, one round first and then until a second has passed."""
    body()
    rounds, before = 0, time.process_time()
    while time.process_time() - before < 1:
        body()
        rounds += 1
    return rounds * count / (time.process_time() - before)


# The rivals are slow enough that a slice of the rows measures them.
listed = read("listed")[:, :10_000]
hard = read("hard")
told = {}


def rows_of(columns):
    return [tuple(row) for row in columns.T.tolist()]


def with_quantlib():
    import QuantLib as ql

    call, put = ql.Option.Call, ql.Option.Put
    rows = rows_of(listed)

    def greeks():
        total = 0.0
        for right, forward, strike, years, volatility, rate, _ in rows:
            payoff = ql.PlainVanillaPayoff(call if right > 0 else put, strike)
            one = ql.BlackCalculator(payoff, forward, volatility * math.sqrt(years), math.exp(-rate * years))
            total += one.value() + one.deltaForward() + one.gammaForward() + one.vega(years)
            total += one.theta(forward, years) + one.rho(years)
        return total

    def volatility_of(row):
        right, forward, strike, years, _, rate, price = row
        discount = math.exp(-rate * years)
        try:
            deviation = ql.blackFormulaImpliedStdDev(
                call if right > 0 else put, strike, forward, price, discount, 0.0, ql.nullDouble(), 1e-14, 1000
            )
        except RuntimeError:
            return float("nan")
        return deviation / math.sqrt(years)

    told["greeksPerSecond"] = per_second(len(rows), greeks)
    told["volatilityPerSecond"] = per_second(len(rows), lambda: [volatility_of(row) for row in rows])
    prices = []
    for right, forward, strike, years, volatility, rate, _ in rows:
        deviation = volatility * math.sqrt(years)
        kind = call if right > 0 else put
        prices.append(ql.blackFormula(kind, strike, forward, deviation, math.exp(-rate * years)))
    heston(ql)
    return prices, volatility_of


def heston(ql):
    today = ql.Date(22, 11, 2026)
    ql.Settings.instance().evaluationDate = today
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    options = []
    for case in json.load(open(f"{folder}/heston.json")):
        process = ql.HestonProcess(
            flat, flat, ql.QuoteHandle(ql.SimpleQuote(case["forward"])), case["v0"], case["kappa"], case["theta"],
            case["xi"], case["rho"],
        )
        days = round(case["years"] * 365)
        option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, case["strike"]), ql.EuropeanExercise(today + days))
        engine = ql.AnalyticHestonEngine(ql.HestonModel(process), 1e-12, 1_000_000)
        option.setPricingEngine(engine)
        options.append((option, engine))

    def price():
        values = []
        for option, engine in options:
            option.setPricingEngine(engine)  # Forgets the price it had.
            values.append(option.NPV())
        return values

    told["heston"] = price()
    told["hestonPerSecond"] = per_second(len(options), price)


def with_vollib():
    from py_vollib.black import black
    from py_vollib.black.greeks.analytical import delta, gamma, rho, theta, vega
    from py_vollib.black.implied_volatility import implied_volatility

    rows = [("c" if row[0] > 0 else "p", *row[1:]) for row in rows_of(listed)]

    def greeks():
        total = 0.0
        for flag, forward, strike, years, volatility, rate, _ in rows:
            for figure in (black, delta, gamma, vega, theta, rho):
                total += figure(flag, forward, strike, years, rate, volatility)
        return total

    def volatility_of(row):
        flag, forward, strike, years, _, rate, price = row
        try:
            return implied_volatility(price, forward, strike, rate, years, flag)
        except Exception:
            return float("nan")

    told["greeksPerSecond"] = per_second(len(rows), greeks)
    told["volatilityPerSecond"] = per_second(len(rows), lambda: [volatility_of(row) for row in rows])
    prices = [black(flag, f, k, t, r, v) for flag, f, k, t, v, r, _ in rows]
    return prices, lambda row: volatility_of(("c" if row[0] > 0 else "p", *row[1:]))


def with_lets_be_rational():
    import py_lets_be_rational as lbr

    invert = lbr.implied_volatility_from_a_transformed_rational_guess
    rows = rows_of(listed)

    def volatility_of(row):
        right, forward, strike, years, _, rate, price = row
        try:
            answer = invert(price * math.exp(rate * years), forward, strike, years, right)
        except Exception:
            return float("nan")
        return answer if 0 < answer < 1e300 else float("nan")

    told["volatilityPerSecond"] = per_second(len(rows), lambda: [volatility_of(row) for row in rows])
    prices = [math.exp(-r * t) * lbr.black(f, k, v, t, q) for q, f, k, t, v, r, _ in rows]
    return prices, volatility_of


prices, volatility_of = {
    "quantlib": with_quantlib,
    "py_vollib": with_vollib,
    "py_lets_be_rational": with_lets_be_rational,
}[library]()
np.array(prices, dtype=np.float64).tofile(f"{folder}/{library}.prices")
np.array([volatility_of(row) for row in rows_of(hard)], dtype=np.float64).tofile(f"{folder}/{library}.volatility")
print(json.dumps(told))
