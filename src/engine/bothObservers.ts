/** @file Two observers of one run, neither of which notices the other. */

import type { Observer } from './engine.ts'

/** Samples for one observer, by the engine's own rule: the first moment in each interval of its `sampleUs`. */
function sampler(observer: Observer): (timeUs: number) => void {
  const every = observer.sampleUs ?? Number.POSITIVE_INFINITY
  let nextUs = every < Number.POSITIVE_INFINITY ? Number.MIN_SAFE_INTEGER : Number.POSITIVE_INFINITY
  return (timeUs) => {
    if (timeUs < nextUs) return
    nextUs = (Math.floor(timeUs / every) + 1) * every
    observer.onSample?.(timeUs)
  }
}

/** An observer that tells two everything; each is sampled as often as if it were alone. */
export function bothObservers(first: Observer, second: Observer): Observer {
  const samplers = [sampler(first), sampler(second)]
  const sampleUs = Math.min(first.sampleUs ?? Number.POSITIVE_INFINITY, second.sampleUs ?? Number.POSITIVE_INFINITY)
  const tell =
    <Name extends Exclude<keyof Observer, 'sampleUs'>>(name: Name) =>
    (...said: Parameters<NonNullable<Observer[Name]>>) => {
      for (const observer of [first, second])
        (observer[name] as ((...all: typeof said) => void) | undefined)?.apply(observer, said)
    }
  return {
    onOrder: tell('onOrder'),
    onCancel: tell('onCancel'),
    onAmend: tell('onAmend'),
    onRefusal: tell('onRefusal'),
    onOrderEvent: tell('onOrderEvent'),
    onAccountEvent: tell('onAccountEvent'),
    onGateAct: tell('onGateAct'),
    onGateReset: tell('onGateReset'),
    onForecast: tell('onForecast'),
    onMargin: tell('onMargin'),
    onSample: (timeUs) => {
      for (const sample of samplers) sample(timeUs)
    },
    // Every moment of the finer one is offered to both; each takes the first in each of its own intervals.
    sampleUs: Number.isFinite(sampleUs) ? 1 : sampleUs,
  }
}
