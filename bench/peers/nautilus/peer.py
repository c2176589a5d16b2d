"""NautilusTrader's side of the comparison: the same quotes and trades, the same decisions every interval.

Usage: peer.py FOLDER, where FOLDER holds the columns written by ours.mjs and settings.json. Writes peer.json.
Its matching engine works on quotes and trades (L1); fills are counted, not compared one by one, because its fill model
is another (no queue ahead of a resting order unless a probability is given).
"""

import json
import sys
import time
from datetime import timedelta
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import FillModel, LatencyModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, TraderId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

folder = sys.argv[1]
settings = json.load(open(f"{folder}/settings.json"))
TICK = settings["tickSize"]
LOT = settings["lotSize"]
PRICE_DIGITS = settings["priceDigits"]
SIZE_DIGITS = settings["sizeDigits"]
VENUE = Venue("PEER")
INSTRUMENT_ID = InstrumentId(Symbol("BTCUSDT-PERP"), VENUE)


def column(name, dtype):
    return np.fromfile(f"{folder}/{name}.bin", dtype=dtype)


def instrument():
    return CryptoPerpetual(
        instrument_id=INSTRUMENT_ID,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=PRICE_DIGITS,
        size_precision=SIZE_DIGITS,
        price_increment=Price(TICK, PRICE_DIGITS),
        size_increment=Quantity(LOT, SIZE_DIGITS),
        max_quantity=None,
        min_quantity=None,
        max_notional=None,
        min_notional=None,
        max_price=None,
        min_price=None,
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.025"),
        maker_fee=Decimal("0"),
        taker_fee=Decimal("0"),
        ts_event=0,
        ts_init=0,
    )


def ticks():
    local = (column("quoteLocal", "<f8") * 1000).astype("<i8")
    venue = (column("quoteVenue", "<f8") * 1000).astype("<i8")
    bid = column("bid", "<i4")
    ask = column("ask", "<i4")
    bid_lots = column("bidLots", "<f8")
    ask_lots = column("askLots", "<f8")
    data = [
        QuoteTick(
            INSTRUMENT_ID,
            Price(b * TICK, PRICE_DIGITS),
            Price(a * TICK, PRICE_DIGITS),
            Quantity(bl * LOT, SIZE_DIGITS),
            Quantity(al * LOT, SIZE_DIGITS),
            int(v),
            int(t),
        )
        for t, v, b, a, bl, al in zip(local, venue, bid, ask, bid_lots, ask_lots)
    ]
    local = (column("tradeLocal", "<f8") * 1000).astype("<i8")
    venue = (column("tradeVenue", "<f8") * 1000).astype("<i8")
    side = column("tradeSide", "<i1")
    tick = column("tradeTick", "<i4")
    lots = column("tradeLots", "<f8")
    data += [
        TradeTick(
            INSTRUMENT_ID,
            Price(p * TICK, PRICE_DIGITS),
            Quantity(q * LOT, SIZE_DIGITS),
            AggressorSide.BUYER if s > 0 else AggressorSide.SELLER,
            TradeId(str(i)),
            int(v),
            int(t),
        )
        for i, (t, v, s, p, q) in enumerate(zip(local, venue, side, tick, lots))
    ]
    data.sort(key=lambda tick: tick.ts_init)
    return data


class QuoterConfig(StrategyConfig, frozen=True):
    instrument_id: InstrumentId


class Quoter(Strategy):
    """One bid and one ask at the touch, looked at every interval."""

    def on_start(self):
        self.instrument = self.cache.instrument(self.config.instrument_id)
        self.subscribe_quote_ticks(self.config.instrument_id)
        self.subscribe_trade_ticks(self.config.instrument_id)
        self.resting = {OrderSide.BUY: None, OrderSide.SELL: None}
        self.fills = 0
        self.sent = 0
        self.clock.set_timer("quote", timedelta(microseconds=settings["intervalUs"]), callback=self.on_timer)

    def on_timer(self, _event):
        quote = self.cache.quote_tick(self.config.instrument_id)
        if quote is None:
            return
        net = float(self.portfolio.net_position(self.config.instrument_id)) / LOT
        for side, price, allowed in (
            (OrderSide.BUY, quote.bid_price, net < settings["positionMax"]),
            (OrderSide.SELL, quote.ask_price, net > -settings["positionMax"]),
        ):
            order = self.resting[side]
            if order is not None and order.is_closed:
                order = None
            if order is not None:
                if order.price != price and order.is_open and not order.is_pending_cancel:
                    self.cancel_order(order)
            elif allowed:
                order = self.order_factory.limit(
                    self.config.instrument_id,
                    side,
                    self.instrument.make_qty(settings["lots"] * LOT),
                    price,
                    time_in_force=TimeInForce.GTC,
                    post_only=True,
                )
                self.sent += 1
                self.submit_order(order)
            self.resting[side] = order

    def on_order_filled(self, _event):
        self.fills += 1


def backtest(data):
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("PEER-001"),
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
        )
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDT,
        starting_balances=[Money(10_000_000, USDT)],
        fill_model=FillModel(prob_fill_on_limit=0.0, prob_slippage=0.0, random_seed=1),
        latency_model=LatencyModel(base_latency_nanos=int(settings["entryLatencyUs"] * 1000)),
        trade_execution=True,
    )
    engine.add_instrument(instrument())
    strategy = Quoter(QuoterConfig(instrument_id=INSTRUMENT_ID))
    engine.add_strategy(strategy)
    engine.add_data(data, sort=False)
    start = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - start
    fills, sent = strategy.fills, strategy.sent
    engine.dispose()
    return fills, sent, seconds


data = ticks()
runs = [backtest(data) for _ in range(settings["repeats"])]
json.dump(
    {
        "rows": len(data),
        "seconds": [seconds for _, _, seconds in runs],
        "orders": runs[0][1],
        "fills": runs[0][0],
    },
    open(f"{folder}/peer.json", "w"),
)
