"""hftbacktest's side of the comparison: the same rows, queue model, latency and decisions as ours.mjs.

Usage: peer.py FOLDER, where FOLDER holds the columns written by ours.mjs and settings.json. Writes peer.json.
The quoter keeps one bid and one ask at the touch, decided every `intervalUs`, half a microsecond off the rows' grid so
that no decision coincides with a row.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import BacktestAsset, BUY, FILLED, GTX, LIMIT, ROIVectorMarketDepthBacktest, SELL
from hftbacktest.data.validation import correct_event_order
from hftbacktest.types import BUY_EVENT, DEPTH_EVENT, SELL_EVENT, TRADE_EVENT, event_dtype
from numba import njit

folder = sys.argv[1]
settings = json.load(open(f"{folder}/settings.json"))


def column(name, dtype):
    return np.fromfile(f"{folder}/{name}.bin", dtype=dtype)


def events():
    local = column("local", "<f8")
    venue = column("venue", "<f8")
    kind = column("kind", "<u1")
    side = column("side", "<i1")
    tick = column("tick", "<i4")
    lots = column("lots", "<f8")
    rows = np.zeros(len(local), event_dtype)
    base = np.where(kind == 1, DEPTH_EVENT, TRADE_EVENT).astype("<u8")
    rows["ev"] = base | np.where(side > 0, BUY_EVENT, np.where(side < 0, SELL_EVENT, 0)).astype("<u8")
    rows["exch_ts"] = (venue * 1000).astype("<i8")
    rows["local_ts"] = (local * 1000).astype("<i8")
    rows["px"] = tick * settings["tickSize"]
    rows["qty"] = lots * settings["lotSize"]
    order = column("order", "<i4").astype("<i8")
    return correct_event_order(rows, order, np.arange(len(rows)))


@njit
def run(hbt, interval_ns, lots, lot_size, tick_size, position_max, fills, first_ns):
    count = 0
    next_id = 1
    buy_id = 0
    sell_id = 0
    hbt.elapse(1)
    hbt.elapse(first_ns - hbt.current_timestamp)
    ended = False
    while True:
        orders = hbt.orders(0)
        values = orders.values()
        while values.has_next():
            order = values.get()
            if order.status == FILLED and count < len(fills):
                fills[count, 0] = order.order_id
                fills[count, 1] = order.side
                fills[count, 2] = order.exec_price_tick
                fills[count, 3] = order.exch_timestamp
                count += 1
        hbt.clear_inactive_orders(0)
        if ended:
            break
        depth = hbt.depth(0)
        bid = depth.best_bid_tick
        ask = depth.best_ask_tick
        position = round(hbt.position(0) / lot_size)
        if buy_id != 0 and buy_id not in orders:
            buy_id = 0
        if sell_id != 0 and sell_id not in orders:
            sell_id = 0
        if buy_id != 0:
            order = orders.get(buy_id)
            if order.price_tick != bid and order.cancellable:
                hbt.cancel(0, buy_id, False)
        elif position < position_max:
            buy_id = next_id
            next_id += 1
            hbt.submit_buy_order(0, buy_id, bid * tick_size, lots * lot_size, GTX, LIMIT, False)
        if sell_id != 0:
            order = orders.get(sell_id)
            if order.price_tick != ask and order.cancellable:
                hbt.cancel(0, sell_id, False)
        elif position > -position_max:
            sell_id = next_id
            next_id += 1
            hbt.submit_sell_order(0, sell_id, ask * tick_size, lots * lot_size, GTX, LIMIT, False)
        # What was filled within the last interval is collected once more before stopping.
        ended = hbt.elapse(interval_ns) != 0
    return count, next_id - 1


def backtest(data):
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(int(settings["entryLatencyUs"] * 1000), int(settings["responseLatencyUs"] * 1000))
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(settings["tickSize"])
        .lot_size(settings["lotSize"])
        .roi_lb(settings["tickLow"] * settings["tickSize"])
        .roi_ub(settings["tickHigh"] * settings["tickSize"])
        .last_trades_capacity(0)
    )
    name, _, power = settings["queue"].partition(":")
    asset = {
        "risk-averse": lambda: asset.risk_adverse_queue_model(),
        "power": lambda: asset.power_prob_queue_model(float(power or 3)),
        "power2": lambda: asset.power_prob_queue_model2(float(power or 3)),
        "power3": lambda: asset.power_prob_queue_model3(float(power or 3)),
        "log": lambda: asset.log_prob_queue_model(),
        "log2": lambda: asset.log_prob_queue_model2(),
    }[name]()
    hbt = ROIVectorMarketDepthBacktest([asset])
    fills = np.zeros((2_000_000, 4), "<i8")
    start = time.perf_counter()
    count, orders = run(
        hbt,
        int(settings["intervalUs"] * 1000),
        settings["lots"],
        settings["lotSize"],
        settings["tickSize"],
        settings["positionMax"],
        fills,
        int(settings["firstDecisionUs"] * 1000),
    )
    seconds = time.perf_counter() - start
    hbt.close()
    return fills[:count], orders, seconds


data = events()
backtest(data[:2000].copy())  # compiles
runs = [backtest(data) for _ in range(settings["repeats"])]
fills, orders, _ = runs[0]
json.dump(
    {
        "rows": settings["rows"],
        "seconds": [seconds for _, _, seconds in runs],
        "orders": int(orders),
        "fills": fills.tolist(),
    },
    open(f"{folder}/peer.json", "w"),
)
