/** @file The breakers over one venue: its clock, its feed's latency, its patience with our orders. */

import type { RejectReason } from '../market/order.ts'
import { ClockSkew } from './breakers/clockSkew.ts'
import { FeedLatency } from './breakers/feedLatency.ts'
import { RejectStorm } from './breakers/rejectStorm.ts'
import type { Guard, Guards } from './guard.ts'
import type { RiskConfig } from './riskConfig.ts'

interface RejectGuard extends Guard<RejectStorm> {
  readonly ignore: ReadonlySet<string>
}

export class VenueWatch {
  readonly #latency: Guard<FeedLatency>[] = []
  readonly #skew: Guard<ClockSkew>[] = []
  readonly #rejects: RejectGuard[] = []

  constructor(venue: string, config: RiskConfig, guards: Guards) {
    const scope = { of: 'venue', venue } as const
    for (const rule of config.breakers) {
      if (rule.breaker === 'feed-latency')
        this.#latency.push(guards.post(new FeedLatency(rule.latencyMaxUs), rule, scope, 'µs'))
      else if (rule.breaker === 'clock-skew') {
        const breaker = new ClockSkew(rule.aheadMaxUs, rule.behindMaxUs, rule.driftMaxUs, rule.windowUs)
        this.#skew.push(guards.post(breaker, rule, scope, 'µs'))
      } else if (rule.breaker === 'reject-storm') {
        const guard = guards.post(new RejectStorm(rule.rejectsMax, rule.windowUs), rule, scope, 'rejections')
        this.#rejects.push({ ...guard, ignore: new Set(rule.ignore) })
      }
    }
  }

  /** End of a message from this venue. No allocation while nothing breaches. */
  onMessage(nowUs: number, venueTimeUs: number): void {
    const latency = this.#latency
    for (let i = 0; i < latency.length; i++) {
      const { breaker, trip } = latency[i]!
      const breached = breaker.observe(nowUs, venueTimeUs)
      trip.read(breached, breaker.measured, breaker.allowed, nowUs)
    }
    const skew = this.#skew
    for (let i = 0; i < skew.length; i++) {
      const { breaker, trip } = skew[i]!
      const breached = breaker.observe(nowUs, venueTimeUs)
      if (breaker.judged) trip.read(breached, breaker.measured, breaker.allowed, nowUs)
    }
  }

  onReject(reason: RejectReason | '', nowUs: number): void {
    for (const { breaker, trip, ignore } of this.#rejects) {
      if (ignore.has(reason)) continue
      const breached = breaker.observe(nowUs)
      trip.read(breached, breaker.measured, breaker.allowed, nowUs)
    }
  }
}
