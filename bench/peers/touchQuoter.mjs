/**
 * @file The policy both sides of a comparison run: one post-only bid and ask at the touch, looked at every interval,
 * half a microsecond off the rows' grid so that no decision coincides with a row.
 */

export class TouchQuoter {
  name = 'touch-quoter'
  settings = {}
  #settings
  #instrument
  #context
  #resting = { 1: 0, '-1': 0 }
  #next
  sent = 0
  fills = []

  /** @param settings lots, positionMax, intervalUs, firstDecisionUs; instrument: its index, 0 when absent. */
  constructor(settings) {
    this.#settings = settings
    this.#instrument = settings.instrument ?? 0
    this.#next = settings.firstDecisionUs
  }

  start(context) {
    this.#context = context
    context.schedule(this.#next, 'quote')
    return []
  }

  onMarket() {}

  onOrder(event) {
    if (event.kind === 'filled') this.fills.push([event.orderId, event.side, event.tick, event.venueTimeUs])
  }

  onTimer() {
    const { bestBid, bestAsk } = this.#context.market(this.#instrument)
    const { lots, positionMax, intervalUs } = this.#settings
    const position = this.#context.portfolio.lots(this.#instrument)
    for (const side of [1, -1]) {
      const touch = side === 1 ? bestBid : bestAsk
      const order = this.#context.order(this.#resting[side])
      if (order) {
        if (order.tick !== touch && order.state === 'open') this.#context.cancel(order.id)
      } else if (side * position < positionMax) {
        this.#resting[side] = this.#context.submit({
          instrument: this.#instrument,
          side,
          lots,
          type: 'limit',
          tick: touch,
          postOnly: true,
        })
        this.sent++
      }
    }
    this.#next += intervalUs
    this.#context.schedule(this.#next, 'quote')
  }
}
