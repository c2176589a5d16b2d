/** @file `gimbal surface`: a chain of options into a surface of volatility, with what it says and what it rests on. */

import { isoDay } from '../../core/clock.ts'
import type { SurfaceFacts } from '../../report/deskReport.ts'
import { type DeskOptions, frameOf, openMarket, printFrame, writeDesk } from '../desk/deskInput.ts'
import { surfaceFacts } from '../desk/surfaceFacts.ts'
import { EXIT, type Terminal } from '../terminal.ts'

interface SurfaceOptions extends DeskOptions {
  readonly asset?: string
}

/** Exit code 3 when some surface could be arbitraged. */
export async function surface(terminal: Terminal, options: SurfaceOptions): Promise<number> {
  const market = await openMarket(terminal, options)
  const surfaces = surfaceFacts(market, options.asset)
  const report = { ...frameOf(market), surfaces }
  printFrame(terminal, report)
  for (const each of surfaces) printSurface(terminal, each)
  writeDesk(terminal, options.out, report)
  terminal.result({ market: report.market, surfaces })
  return surfaces.every(({ arbitrage }) => arbitrage.free) ? EXIT.ok : EXIT.found
}

const percent = (fraction: number, digits = 2) =>
  Number.isFinite(fraction) ? `${(100 * fraction).toFixed(digits)} %` : '–'
const figure = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '–')

function printSurface(terminal: Terminal, found: SurfaceFacts): void {
  const { asset, venue, expiries, arbitrage, quotes, used, refused, index30, halfSpread } = found
  terminal.line()
  terminal.line(`${asset} options of ${venue}`)
  terminal.table(
    [
      'expiry',
      'days',
      'forward',
      'at money',
      'skew',
      'curvature',
      'used',
      'inside',
      'rmse',
      'var swap',
      'quoted',
      'g least',
      'slice',
    ],
    expiries.map((each) => [
      isoDay(each.expiryUs),
      figure(each.days, 1),
      each.forward.toFixed(each.forward < 1000 ? 2 : 0),
      percent(each.volatility),
      figure(each.skew, 3),
      figure(each.curvature, 3),
      `${each.used} of ${each.rows}`,
      each.used > 0 ? percent(each.inside / each.used, 0) : '–',
      percent(each.rmse),
      percent(each.varianceSwap),
      percent(each.varianceSwapQuoted, 0),
      figure(each.gLeast, 4),
      each.outcome,
    ]),
  )
  terminal.prose(
    'Skew and curvature: first and second derivative of volatility over ln(strike/forward) at the money. Rmse: from mids, in volatility. Inside: believed quotes whose bid and ask hold the surface. Quoted: share of the swap’s variance between the strikes believed; the rest is what the fit makes of the wings.',
    2,
  )
  const reasons = Object.entries(refused).map(([reason, rows]) => `${rows} ${reason}`)
  terminal.prose(`${used} of ${quotes} quotes believed; weigh nothing: ${reasons.join(', ') || 'none'}.`, 2)
  terminal.prose(`30-day volatility index (fair variance off the surface): ${percent(index30)}.`, 2)
  if (Number.isFinite(halfSpread))
    terminal.prose(`Half spread near the money: ${percent(halfSpread)} of volatility.`, 2)
  terminal.prose(arbitrageSentence(arbitrage), 2)
}

/** What was found of arbitrage, in words. */
export function arbitrageSentence(arbitrage: SurfaceFacts['arbitrage']): string {
  const { free, butterflies, calendars, gBetween, gBeyond } = arbitrage
  if (free)
    return 'No arbitrage: no slice has a butterfly and no two slices cross, at any strike; none was found between and beyond them.'
  const found = [
    butterflies > 0 ? `${butterflies} slices with butterflies or undecided` : '',
    calendars > 0 ? `${calendars} pairs of slices that cross or undecided` : '',
    gBetween < 0 ? `butterflies between slices (g ${gBetween.toPrecision(2)})` : '',
    gBeyond < 0 ? `butterflies beyond the last slice (g ${gBeyond.toPrecision(2)})` : '',
  ]
  return `Arbitrage: ${found.filter((text) => text !== '').join('; ')}.`
}
