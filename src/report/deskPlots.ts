/** @file Pictures of the desk's page, drawn like those of chart.ts and researchPlots.ts: stretched shapes, text as HTML beside them. */

import type { HeatMap } from '../risk/stress/frontier.ts'
import { coordinate } from './chart.ts'
import type { SmileQuote } from './deskReport.ts'
import { compact, escaped, fixed, percent, plain } from './figures.ts'
import { type Axis, framed, HEIGHT, linear, spot, WIDTH } from './researchPlots.ts'

/** Colours of so many lines, told apart by every kind of colour vision; repeated after seven. */
export const LINE_COLOURS = ['--blue', '--orange', '--green', '--purple', '--red', '--sky', '--grey'] as const

export function lineColour(index: number): string {
  return LINE_COLOURS[index % LINE_COLOURS.length]!
}

/** A line of a {@link curveChart}; points that are not finite break it. */
export interface Curve {
  readonly name: string
  readonly colour: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
}

export interface CurveChart {
  readonly title: string
  readonly unit: string
  readonly description: string
  readonly heightPx: number
  readonly curves: readonly Curve[]
  readonly xFormat: 'num' | 'pct'
  readonly yFormat: 'num' | 'pct'
  /** Ends of the upright axis; what the curves need when absent. */
  readonly ends?: readonly [number, number]
  readonly xEnds?: readonly [number, number]
  /** Upright lines with a word each. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[]
  /** Level lines with a word each. */
  readonly levels?: readonly { readonly at: number; readonly name: string }[]
  readonly over?: (x: Axis, y: Axis) => string
  readonly narrow?: boolean
}

/** Draws curves over a common axis; '' when no curve has a point. */
export function curveChart(chart: CurveChart): string {
  const { curves, marks = [], levels = [] } = chart
  const points = curves.flatMap((curve) => curve.points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  if (points.length === 0) return ''
  const [left, right] = chart.xEnds ?? endsOf(points.map(([x]) => x))
  const [least, most] = chart.ends ?? endsOf([...points.map(([, y]) => y), ...levels.map(({ at }) => at)])
  const air = chart.ends ? 0 : (most - least) * 0.06 || Math.abs(most) * 0.05 || 1
  const x = linear(left, right > left ? right : left + 1, 5, chart.xFormat)
  const y = linear(least - air, most + air, chart.heightPx > 150 ? 5 : 3, chart.yFormat)
  const shapes = curves.map((curve) => {
    const dash = curve.dashed ? ';stroke-dasharray:5 4' : ''
    return `<path class="line" style="stroke:var(${curve.colour})${dash}" d="${pathOf(curve.points, x, y)}"/>`
  })
  const upright = marks
    .filter(({ at }) => at >= left && at <= right)
    .map(({ at, name }) => {
      const place = x.place(at)
      return `<line class="mark" x1="${place}%" x2="${place}%" y1="0" y2="100%"><title>${escaped(name)}</title></line>`
    })
  const level = levels.map(({ at, name }) => {
    const top = coordinate(100 - Number(y.place(at)))
    return `<line class="mark" x1="0" x2="100%" y1="${top}%" y2="${top}%"><title>${escaped(name)}</title></line>`
  })
  return framed({
    title: chart.title,
    unit: chart.unit,
    description: chart.description,
    heightPx: chart.heightPx,
    x,
    y,
    ...(curves.length > 1 ? { legend: curves.map(({ name, colour }) => ({ name, colour })) } : {}),
    shapes: shapes.join(''),
    over: `${upright.join('')}${level.join('')}${chart.over?.(x, y) ?? ''}`,
    ...(chart.narrow ? { narrow: true } : {}),
  })
}

function endsOf(values: readonly number[]): [number, number] {
  const ends: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    ends[0] = Math.min(ends[0], value)
    ends[1] = Math.max(ends[1], value)
  }
  return ends
}

function pathOf(points: Curve['points'], x: Axis, y: Axis): string {
  let path = ''
  let open = false
  for (const [atX, atY] of points) {
    if (!Number.isFinite(atX) || !Number.isFinite(atY)) {
      open = false
      continue
    }
    path += `${open ? 'L' : 'M'}${spot(x, y, atX, atY)}`
    open = true
  }
  return path
}

/** A smile over its strikes: each believed quote from bid to ask with its mid, and the fit through them. */
export function smileChart(
  title: string,
  forward: number,
  quotes: readonly SmileQuote[],
  smile: readonly { readonly logMoneyness: number; readonly volatility: number }[],
): string {
  const points = smile.map(({ logMoneyness, volatility }) => [forward * Math.exp(logMoneyness), volatility] as const)
  const mids = quotes.flatMap(({ mid }) => (Number.isFinite(mid) ? [mid] : []))
  const [least, most] = endsOf([...points.map(([, y]) => y), ...mids])
  const air = (most - least) * 0.12 || 0.02
  const [floor, roof] = [Math.max(0, least - air), most + air]
  const inside = quotes.filter((quote) => quote.inside).length
  const bars = (x: Axis, y: Axis) =>
    quotes
      .map(({ strike, low, mid, high, inside: held }) => {
        const left = x.place(strike)
        const top = (value: number) => coordinate(100 - Number(y.place(Math.min(roof, Math.max(floor, value)))))
        const said = `${plain(strike)}: bid ${percent(low, 1)}, ask ${Number.isFinite(high) ? percent(high, 1) : 'without end'}${held ? '' : ', fit outside'}`
        const dot = Number.isFinite(mid) ? `<circle cx="${left}%" cy="${top(mid)}%" r="1.8"/>` : ''
        return `<g class="quote${held ? '' : ' out'}"><line x1="${left}%" x2="${left}%" y1="${top(high)}%" y2="${top(low)}%"/>${dot}<title>${escaped(said)}</title></g>`
      })
      .join('')
  return curveChart({
    title,
    unit: `volatility a year over strike; ${inside} of ${quotes.length} inside bid and ask`,
    description: `Fit from ${percent(least, 1)} to ${percent(most, 1)}; forward ${plain(forward)}.`,
    heightPx: 180,
    curves: [{ name: 'fit', colour: '--blue', points }],
    xFormat: 'num',
    yFormat: 'pct',
    ends: [floor, roof],
    marks: [{ at: forward, name: `forward ${plain(forward)}` }],
    over: bars,
  })
}

/** Shade of a figure between a least and a greatest one. */
function shade(value: number, least: number, most: number): string {
  const part = most > least ? (value - least) / (most - least) : 0.5
  return `color-mix(in srgb,var(--blue) ${Math.round(8 + 62 * part)}%,var(--panel))`
}

/** A table of figures shaded by their size: the surface as a picture that can be read. */
export function shadedTable(
  caption: string,
  heads: readonly string[],
  rows: readonly { readonly name: string; readonly values: readonly number[] }[],
  write: (value: number) => string,
): string {
  const [least, most] = endsOf(rows.flatMap(({ values }) => values))
  const body = rows.map(({ name, values }) => {
    const cells = values.map((value) =>
      Number.isFinite(value)
        ? `<td class="figure" style="background:${shade(value, least, most)}">${write(value)}</td>`
        : '<td class="figure">–</td>',
    )
    return `<tr><th scope="row">${escaped(name)}</th>${cells.join('')}</tr>`
  })
  const head = heads.map((each, i) => `<th scope="col"${i === 0 ? '' : ' class="figure"'}>${escaped(each)}</th>`)
  return `<div class="wide"><table class="shaded"><caption>${escaped(caption)}</caption><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

/**
 * Profit over spot and volatility: vermilion for losses, blue for gains, the stronger the larger; beyond the dark line some account is
 * liquidated.
 */
export function heatMapPicture(map: HeatMap, equity: number): string {
  const { spots, volatilities, profit, frontier } = map
  const halfX = spots.length > 1 ? (spots[1]! - spots[0]!) / 2 : 0.05
  const halfY = volatilities.length > 1 ? (volatilities[1]! - volatilities[0]!) / 2 : 0.05
  const x = linear(spots[0]! - 1 - halfX, spots.at(-1)! - 1 + halfX, 8, 'pct')
  const y = linear(volatilities[0]! - halfY, volatilities.at(-1)! + halfY, 6, 'pct')
  const most = Math.max(1, ...profit.flat().map(Math.abs).filter(Number.isFinite))
  let shapes = ''
  for (const [row, volatility] of volatilities.entries())
    for (const [column, factor] of spots.entries()) {
      const value = profit[row]![column]!
      const [from, to] = [x.part(factor - 1 - halfX) * WIDTH, x.part(factor - 1 + halfX) * WIDTH]
      const [top, bottom] = [(1 - y.part(volatility + halfY)) * HEIGHT, (1 - y.part(volatility - halfY)) * HEIGHT]
      // Roots make small losses visible beside large ones.
      const strength = Number.isFinite(value) ? Math.sqrt(Math.abs(value) / most) : 0
      const ratio = map.marginRatio[row]![column]!
      const said = `spot ${percent(factor - 1, 0)}, volatility ${percent(volatility, 0)}: ${compact(Math.round(value))} dollars, weakest account ${Number.isFinite(ratio) ? `${fixed(ratio, 2)} times maintenance` : 'asked nothing'}`
      shapes += `<rect x="${coordinate(from)}" y="${coordinate(top)}" width="${coordinate(to - from + 0.5)}" height="${coordinate(bottom - top + 0.5)}" style="fill:color-mix(in srgb,var(${value < 0 ? '--red' : '--blue'}) ${Math.round(85 * strength)}%,var(--panel))"><title>${escaped(said)}</title></rect>`
    }
  const [least, greatest] = [spots[0]! - 1 - halfX, spots.at(-1)! - 1 + halfX]
  for (const side of ['down', 'up'] as const) {
    // Rows at which nothing breaks within the picture end the line at its border.
    const line = frontier
      .filter((row) => row[side] !== undefined)
      .map((row) => spot(x, y, Math.min(greatest, Math.max(least, row[side]!.factor - 1)), row.volatility))
    if (line.length > 0) shapes += `<path class="frontier" d="M${line.join('L')}${line.length === 1 ? 'v.1' : ''}"/>`
  }
  const worst = Math.min(...profit.flat())
  const zeroX = x.place(0)
  const zeroY = coordinate(100 - Number(y.place(0)))
  return framed({
    title: 'Profit over spot and volatility',
    unit: `all coins move together (to the right), points of volatility added (upwards); strongest colour ${compact(Math.round(most))} dollars`,
    description: `Worst ${compact(Math.round(worst))} of equity ${compact(Math.round(equity))} dollars. The dark line is where the first account is liquidated.`,
    heightPx: 300,
    x,
    y,
    legend: [
      { name: 'loss', colour: '--red' },
      { name: 'gain', colour: '--blue' },
      { name: 'an account is liquidated beyond', colour: '--ink' },
    ],
    shapes,
    over: `<line class="zero" x1="${zeroX}%" x2="${zeroX}%" y1="0" y2="100%"/><line class="zero" x1="0" x2="100%" y1="${zeroY}%" y2="${zeroY}%"/>`,
  })
}

/** Parts of a sum as a bar from the middle: losses to the left, what was earned to the right. */
export function partBar(
  parts: readonly { readonly name: string; readonly value: number; readonly colour: string }[],
  reach: number,
): string {
  let [left, right] = [50, 50]
  let shapes = ''
  for (const { name, value, colour } of parts) {
    const wide = (Math.abs(value) / reach) * 50
    if (!(wide > 0.05)) continue
    const from = value > 0 ? (left -= wide) : right
    if (value < 0) right += wide
    shapes += `<rect x="${coordinate(from)}%" y="4" width="${coordinate(wide)}%" height="13" style="fill:var(${colour})"><title>${escaped(`${name}: ${compact(Math.round(-value))} dollars`)}</title></rect>`
  }
  return `<svg width="100%" height="21"><line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>${shapes}</svg>`
}

/** Look of these pictures, in the colours of pageStyle.ts. */
export const DESK_PLOT_STYLE = `
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(420px,100%),1fr));gap:4px 32px}
.quote line{stroke:var(--grey);stroke-width:2;opacity:.55}.quote circle{fill:var(--ink)}
.quote.out line{stroke:var(--red);opacity:.9}.quote.out circle{fill:var(--red)}
.shaded td{padding:4px 8px;border-bottom:1px solid var(--paper)}.shaded th{padding-right:14px}
.frontier{fill:none;stroke:var(--ink);stroke-width:2.5;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke-linecap:round}
.parts{width:34%;min-width:170px;padding-right:14px}.parts svg{display:block}
`
