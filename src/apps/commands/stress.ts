/** @file `gimbal stress`: a book through crashes, told by cause, and the smallest shock that hurts. */

import { GimbalError } from '../../core/errors.ts'
import type { StressFacts } from '../../report/deskReport.ts'
import type { ReverseShock } from '../../risk/stress/reverseStress.ts'
import { scenarioText } from '../../risk/stress/scenarioText.ts'
import { type BookOptions, frameOf, openDesk, printFrame, writeDesk } from '../desk/deskInput.ts'
import { greeksFacts } from '../desk/greeksFacts.ts'
import { scenariosOf, stressFacts } from '../desk/stressFacts.ts'
import { surfaceFacts } from '../desk/surfaceFacts.ts'
import { count, EXIT, lengthOption, span, type Terminal, wholeOption } from '../terminal.ts'
import { marginFacts } from './margin.ts'

interface StressOptions extends BookOptions {
  readonly scenario: readonly string[]
  readonly list?: boolean
  readonly breakers: boolean
  readonly tailDays: string
}

/** Exit code 3 when the book does not survive some scenario, with the breakers given. */
export async function stress(terminal: Terminal, options: StressOptions): Promise<number> {
  const seed = wholeOption(options.seed, '--seed', 0)
  const tailDays = wholeOption(options.tailDays, '--tail-days', 1)
  const desk = await openDesk(terminal, options)
  const { market, book } = desk
  const scenarios = scenariosOf(options.scenario, book)
  if (options.list) {
    terminal.table(
      ['name', 'what it is'],
      scenarios.map(({ name, about }) => [name, about]),
    )
    terminal.result(
      scenarios.map((scenario) => ({ name: scenario.name, about: scenario.about, text: scenarioText(scenario) })),
    )
    return EXIT.ok
  }
  requirePriced(desk)
  const margin = await marginFacts(terminal, desk, false)
  const found = await stressFacts(terminal, desk, {
    ...{ scenarios, breakers: options.breakers, seed, tailDays },
    ...(options.catalog === undefined ? {} : { catalog: options.catalog }),
    ...(options.bars === undefined ? {} : { barUs: lengthOption(options.bars, '--bars') }),
  })
  const report = {
    ...frameOf(market, desk),
    ...(market.chains.length > 0 ? { surfaces: surfaceFacts(market) } : {}),
    greeks: greeksFacts(book, market.view),
    margin,
    stress: found,
  }
  printFrame(terminal, report)
  printStress(terminal, found)
  writeDesk(terminal, options.out, report)
  terminal.result({ market: report.market, book: report.book, ...found })
  return found.deadly.length > 0 ? EXIT.found : EXIT.ok
}

/** @throws {GimbalError} `argument-invalid` naming what has no price, before anything long is begun. */
function requirePriced({ book, market }: Awaited<ReturnType<typeof openDesk>>): void {
  const { unpriced } = greeksFacts(book, market.view).table
  if (unpriced.length === 0) return
  throw new GimbalError('argument-invalid', 'A book that cannot be priced cannot be stressed', {
    missing: unpriced.map(({ name, venue, missing }) => `${name} at ${venue}: ${missing.join(', ')}`).join('; '),
  })
}

const whole = (value: number) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–')

/** Four digits of every factor: whole ones are in the twin. */
function shortened(text: string): string {
  return text.replace(/\d+\.\d{4,}/g, (digits) => String(Number(Number(digits).toPrecision(5))))
}

function printStress(terminal: Terminal, found: StressFacts): void {
  const { scenarios, deadly, heatMap, rules, tail, tailMissing } = found
  terminal.line()
  terminal.table(
    ['scenario', 'profit $', 'least equity $', 'outcome', 'without breakers', 'profit then $', 'not market $'],
    scenarios.map((each) => [
      each.name.length > 34 ? `${each.name.slice(0, 33)}…` : each.name,
      whole(each.end - each.start),
      whole(each.minimum),
      each.survived ? each.outcome : `NOT SURVIVED (${each.cause})`,
      each.unprotectedSurvived ? each.unprotectedOutcome : 'NOT SURVIVED',
      whole(each.unprotectedEnd - each.start),
      whole(Object.values(each.losses).reduce((sum, loss) => sum + loss, 0) - each.losses.market),
    ]),
  )
  terminal.prose('Not market: what trading, liquidation, funding and gas took, with breakers; negative is a gain.', 2)
  terminal.prose(rules.length > 0 ? `Breakers: ${[...new Set(rules)].join(', ')}.` : 'Breakers are off.', 2)
  const said = `${count(scenarios.length, 'scenario')}, from an equity of ${whole(found.equity)} dollars`
  terminal.prose(deadly.length > 0 ? `NOT SURVIVED of ${said}: ${deadly.join(', ')}` : `Survived: all of ${said}`, 2)
  terminal.line()
  const today = heatMap.frontier.find(({ volatility }) => Math.abs(volatility) < 1e-9)
  for (const [name, point] of [
    ['down', today?.down],
    ['up', today?.up],
  ] as const)
    terminal.line(
      `All coins ${name}, volatility as it is: ${point ? `${point.venue} is liquidated at ${(100 * (point.factor - 1)).toFixed(1)} %` : 'nothing is liquidated'}`,
    )
  const nearest = (harm: string, shock: ReverseShock | undefined) =>
    terminal.prose(
      shock
        ? `Smallest shock ${harm}: ${shock.distance.toFixed(2)} σ of ${span(found.reverseHorizonUs)}: ${shortened(shock.text)}`
        : `No shock within reach ${harm}.`,
    )
  nearest('that liquidates an account', found.liquidation)
  nearest('that leaves no equity', found.ruin)
  if (tail)
    terminal.prose(
      `Over ${span(tail.horizonUs)}, at ${100 * tail.level} %: value at risk ${whole(tail.valueAtRisk)}, expected shortfall ${whole(tail.expectedShortfall)}, worst ${whole(tail.worst)} dollars, from ${count(tail.shocks, 'move')}.`,
    )
  else terminal.prose(tailMissing)
}
