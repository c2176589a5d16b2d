/**
 * @file Pictures of a study as inline SVG: points with intervals, calibration, lines by window, probabilities over time,
 * histograms and heat strips.
 *
 * Drawn as chart.ts draws: lines in a box stretched to any width, points placed in per cent so that they stay round, letters
 * beside the drawing as HTML so that they keep their size on a phone. Nothing here needs a script. What is not finite is left
 * out of a drawing, and the figures beside it say so.
 */

import { axisText, coordinate, niceTicks, timeTicks } from './chart.ts'
import { anySize, count, escaped, fixed, NONE, percent, plain, utc } from './figures.ts'

/** View box of the stretched drawings. */
export const WIDTH = 1000
export const HEIGHT = 400

/** One row of {@link pointTable}: a point, its interval, and figures. */
export interface PointRow {
  readonly name: string
  /** How it is drawn: the thing judged, what it is judged against, or what must not work. */
  readonly kind: 'model' | 'baseline' | 'placebo'
  /** Not finite: nothing is drawn. */
  readonly point: number
  readonly low?: number
  readonly high?: number
  /** A word beside the name. */
  readonly tag?: string
  /** HTML. */
  readonly cells: readonly string[]
}

/** A table with a picture in each row, all on one axis. */
export interface PointTable {
  readonly caption: string
  readonly heads: readonly string[]
  readonly rows: readonly PointRow[]
  /** Values marked by a line through all rows, dashed unless it is zero. */
  readonly lines: readonly { readonly at: number; readonly name: string }[]
  readonly format: 'num' | 'pct'
  /** Ends of the axis, where they are a matter of meaning rather than of what is shown. */
  readonly ends?: readonly [number, number]
  /** Every point has its place on the axis, however far it lies from the others. */
  readonly whole?: boolean
}

/** Draws points and intervals row by row: reads on a phone, prints, and is a table to a screen reader. */
export function pointTable({ caption, heads, rows, lines, format, ends, whole }: PointTable): string {
  const marks = lines.map(({ at }) => at)
  const [low, high] = ends ?? pointRange(rows, marks, whole === true)
  const axis = linear(low, high, 4, format)
  const grid = axis.ticks.map(({ at }) => `<line class="gridline" x1="${at}%" x2="${at}%" y1="0" y2="100%"/>`).join('')
  const ruled = lines
    .filter(({ at }) => Number.isFinite(at))
    .map(({ at, name }) => {
      const x = axis.place(at)
      return `<line class="${at === 0 ? 'zero' : 'mark'}" x1="${x}%" x2="${x}%" y1="0" y2="100%"><title>${escaped(name)}</title></line>`
    })
    .join('')
  const body = rows.map((row) => {
    const drawn = drawPoint(row, low, high, axis.place)
    const tag = row.tag === undefined ? '' : ` <small>${escaped(row.tag)}</small>`
    const name = `${row.kind === 'model' ? `<b>${escaped(row.name)}</b>` : escaped(row.name)}${tag}`
    return `<tr class="${row.kind}"><th scope="row">${name}</th><td class="points" aria-hidden="true"><svg width="100%" height="22">${grid}${ruled}${drawn}</svg></td>${row.cells.map((cell) => `<td class="figure">${cell}</td>`).join('')}</tr>`
  })
  const ticks = axis.ticks
    .map(({ at, text }, i) => `<span${i % 2 === 1 ? ' class="odd"' : ''} style="left:${at}%">${text}</span>`)
    .join('')
  const named = lines
    .filter(({ at }) => at !== 0 && Number.isFinite(at))
    .map(({ at, name }) => `${name} (${format === 'pct' ? percent(at, 1) : plain(at, 4)})`)
  const note = named.length > 0 ? `<p class="note">Dashed: ${escaped(named.join('; '))}.</p>` : ''
  const head = heads.map((each) => `<th scope="col" class="figure">${escaped(each)}</th>`).join('')
  return `<div class="wide"><table class="pointed"><caption>${escaped(caption)}</caption><thead><tr><th></th><th class="points" aria-hidden="true"><div class="ticks">${ticks}</div></th>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>${note}`
}

/** Interval, point, and an arrow where either lies beyond the axis. */
function drawPoint(row: PointRow, low: number, high: number, place: (value: number) => string): string {
  const { point, low: from = point, high: to = point } = row
  if (!Number.isFinite(point)) return ''
  const inside = (value: number) => Math.min(high, Math.max(low, value))
  let drawn = ''
  if (Number.isFinite(from) && Number.isFinite(to) && to > from) {
    drawn += `<line class="whisker" x1="${place(inside(from))}%" x2="${place(inside(to))}%" y1="11" y2="11"/>`
    for (const end of [from, to]) {
      if (end < low || end > high) continue
      drawn += `<line class="whisker" x1="${place(end)}%" x2="${place(end)}%" y1="8" y2="14"/>`
    }
  }
  if (from < low || point < low) drawn += '<use href="#beyond-left" x="0" y="11"/>'
  if (to > high || point > high) drawn += '<use href="#beyond-right" x="100%" y="11"/>'
  if (point < low || point > high) return drawn
  return `${drawn}<circle class="point" cx="${place(point)}%" cy="11" r="${row.kind === 'model' ? 5 : 4}"/>`
}

/** Symbols that {@link pointTable} refers to: once a page. */
export const POINT_SYMBOLS = '<path id="beyond-left" d="M7 -4L0 0L7 4Z"/><path id="beyond-right" d="M-7 -4L0 0L-7 4Z"/>'

/** A point further from the middle of all than so many times the usual distance does not stretch the axis: an arrow says it. */
const FAR = 8
/** Fewer rows than this have no usual distance. */
const FAR_ROWS = 8
/** An interval stretches the axis by at most so much of the reach of the points. */
const INTERVAL_REACH = 3

/** The axis of rows of points: what most need, with a little air. */
function pointRange(rows: readonly PointRow[], lines: readonly number[], whole: boolean): [number, number] {
  const points = rows.map(({ point }) => point).filter(Number.isFinite)
  const marks = lines.filter(Number.isFinite)
  if (points.length === 0) return marks.length > 0 ? [Math.min(...marks) - 1, Math.max(...marks) + 1] : [0, 1]
  const middle = median(points)
  const usual = median(points.map((point) => Math.abs(point - middle)))
  const near = rows.filter(
    ({ point }) => whole || points.length < FAR_ROWS || usual === 0 || Math.abs(point - middle) <= FAR * usual,
  )
  const ends = [...near.map(({ point }) => point).filter(Number.isFinite), ...marks]
  let low = Math.min(...ends)
  let high = Math.max(...ends)
  const reach = high > low ? (high - low) * INTERVAL_REACH : Number.POSITIVE_INFINITY
  const [least, most] = [low - reach, high + reach]
  for (const { low: from, high: to } of near) {
    if (from !== undefined && Number.isFinite(from)) low = Math.min(low, Math.max(from, least))
    if (to !== undefined && Number.isFinite(to)) high = Math.max(high, Math.min(to, most))
  }
  const air = high > low ? (high - low) * 0.04 : Math.abs(high) * 0.1 || 1
  return [low - air, high + air]
}

function median(values: readonly number[]): number {
  const sorted = values.slice().sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** One row of {@link barTable}: two shares, 0 to 1. */
export interface BarRow {
  readonly name: string
  readonly shares: readonly [number, number]
  /** HTML. */
  readonly cells: readonly string[]
}

/** Draws two bars a row on one axis from zero. */
export function barTable(
  caption: string,
  heads: readonly string[],
  legend: readonly [string, string],
  rows: readonly BarRow[],
): string {
  const most = Math.max(1e-9, ...rows.flatMap(({ shares }) => shares).filter(Number.isFinite))
  const body = rows.map(({ name, shares, cells }) => {
    const bars = shares.map((share, i) =>
      Number.isFinite(share)
        ? `<rect class="bar${i}" x="0" y="${3 + 8 * i}" width="${coordinate((Math.max(0, share) / most) * 100)}%" height="7"/>`
        : '',
    )
    return `<tr><th scope="row">${escaped(name).replaceAll('/', '/<wbr>')}</th><td class="points" aria-hidden="true"><svg width="100%" height="21">${bars.join('')}</svg></td>${cells.map((cell) => `<td class="figure">${cell}</td>`).join('')}</tr>`
  })
  const key = legend.map((text, i) => `<span><i class="bar${i}"></i>${escaped(text)}</span>`).join('')
  const head = heads.map((each) => `<th scope="col" class="figure">${escaped(each)}</th>`).join('')
  return `<div class="wide"><table class="pointed"><caption>${escaped(caption)}</caption><thead><tr><th></th><th class="points"><span class="legend">${key}</span></th>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

/** One axis of a drawing. */
export interface Axis {
  /** Places in per cent from the low end, with what to write there. */
  readonly ticks: readonly { readonly at: string; readonly text: string; readonly zero?: boolean }[]
  /** Per cent from the low end. */
  readonly place: (value: number) => string
  /** Fraction from the low end. */
  readonly part: (value: number) => number
}

/** An even axis from `low` to `high` with about `wanted` ticks. */
export function linear(low: number, high: number, wanted: number, format: 'num' | 'pct'): Axis {
  const part = (value: number) => (value - low) / (high - low)
  const values = niceTicks(low, high, wanted)
  const step = values.length > 1 ? values[1]! - values[0]! : 0
  return {
    part,
    place: (value) => coordinate(part(value) * 100),
    ticks: values.map((value) => ({
      at: coordinate(part(value) * 100),
      text: axisText(format, value, step),
      zero: Math.abs(value) < step / 1e6 && low < 0,
    })),
  }
}

/** Decades, and 2 and 5 times them where decades alone would be too few. */
function logarithmic(low: number, high: number): Axis {
  // Differences of logarithms: the quotient of the ends may be beyond any number.
  const part = (value: number) => (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
  const decades = Math.log10(high) - Math.log10(low)
  const factors = decades > 2.5 ? [1] : decades > 0.6 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
  const ticks: { at: string; text: string }[] = []
  const every = Math.max(1, Math.ceil(decades / 8))
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += every) {
    for (const factor of factors) {
      const value = factor * 10 ** power
      if (value < low || value > high) continue
      ticks.push({ at: coordinate(part(value) * 100), text: anySize(value, factor === 1.5 ? 2 : 1) })
    }
  }
  return { part, place: (value) => coordinate(part(value) * 100), ticks }
}

/** An axis of UTC times. */
export function timed(lowUs: number, highUs: number): Axis {
  const part = (value: number) => (highUs > lowUs ? (value - lowUs) / (highUs - lowUs) : 0.5)
  const place = (value: number) => coordinate(part(value) * 100)
  return { part, place, ticks: timeTicks(lowUs, highUs).map(({ atUs, text }) => ({ at: place(atUs), text })) }
}

/** What is drawn within axes. */
export interface Drawing {
  readonly title: string
  readonly unit: string
  /** What the picture shows, in a sentence with its figures: for those who cannot see it. */
  readonly description: string
  readonly heightPx: number
  readonly x: Axis
  readonly y: Axis
  readonly legend?: readonly { readonly name: string; readonly colour: string }[]
  /** In the stretched view box. */
  readonly shapes?: string
  /** Placed in per cent. */
  readonly over?: string
  readonly narrow?: boolean
}

/** A figure: axes with their labels around a drawing. */
export function framed({ title, unit, description, heightPx, x, y, legend, shapes, over, narrow }: Drawing): string {
  const yLabels = y.ticks.map(({ at, text }) => `<span style="top:${coordinate(100 - Number(at))}%">${text}</span>`)
  const grid = y.ticks.map(
    ({ at, zero }) => `<i${zero ? ' class="zero"' : ''} style="top:${coordinate(100 - Number(at))}%"></i>`,
  )
  const xLabels = x.ticks.map(
    ({ at, text }, i) => `<span${i % 2 === 1 ? ' class="odd"' : ''} style="left:${at}%">${text}</span>`,
  )
  const verticals = x.ticks.map(({ at }) => `<b style="left:${at}%"></b>`)
  const key = (legend ?? []).map(
    ({ name, colour }) => `<span><i style="background:var(${colour})"></i>${escaped(name)}</span>`,
  )
  return `<figure class="still${narrow ? ' narrow' : ''}">
<figcaption><strong>${escaped(title)}</strong> <span class="unit">${escaped(unit)}</span><span class="legend">${key.join('')}</span></figcaption>
<div class="frame"><div class="y">${yLabels.join('')}</div>
<div class="plot" style="height:${heightPx}px">${grid.join('')}${verticals.join('')}
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(`${title}. ${description}`)}"><title>${escaped(title)}</title><desc>${escaped(description)}</desc>${shapes ?? ''}</svg>
<svg class="over" aria-hidden="true">${over ?? ''}</svg></div></div>
<div class="x">${xLabels.join('')}</div>
</figure>`
}

/** A place in the stretched view box. */
export function spot(x: Axis, y: Axis, atX: number, atY: number): string {
  return `${coordinate(x.part(atX) * WIDTH)} ${coordinate((1 - y.part(atY)) * HEIGHT)}`
}

/** A group of samples: what was forecast of them on average, and what came. */
export interface CalibrationPoint {
  readonly forecast: number
  readonly truth: number
  readonly count: number
}

/**
 * Draws mean truth against mean forecast on equal logarithmic axes, with the diagonal; groups that are not above zero have no
 * place on them and are left out.
 *
 * @returns An empty text when no group is above zero.
 */
export function calibrationChart(title: string, points: readonly CalibrationPoint[]): string {
  const known = points.filter(
    ({ forecast, truth }) => forecast > 0 && truth > 0 && forecast < Infinity && truth < Infinity,
  )
  if (known.length === 0) return ''
  const ends = known.flatMap(({ forecast, truth }) => [forecast, truth])
  const [least, most] = [Math.min(...ends), Math.max(...ends)]
  const air = Math.max(most ** 0.06 / least ** 0.06, 1.05)
  const [low, high] = [Math.max(least / air, Number.MIN_VALUE), Math.min(most * air, Number.MAX_VALUE)]
  const axis = logarithmic(low, high)
  const line = known.map(({ forecast, truth }) => spot(axis, axis, forecast, truth)).join('L')
  const dots = known.map(
    ({ forecast, truth, count: samples }) =>
      `<circle class="point model" cx="${axis.place(forecast)}%" cy="${coordinate(100 - Number(axis.place(truth)))}%" r="4.5"><title>${escaped(`forecast ${anySize(forecast)}, truth ${anySize(truth)}, ${count(samples)} samples`)}</title></circle>`,
  )
  const ratios = known.map(({ forecast, truth }) => truth / forecast)
  return framed({
    title,
    unit: 'mean truth (upwards) against mean forecast (to the right), log axes; on the diagonal both are equal',
    description: `${known.length} groups; truth is ${fixed(Math.min(...ratios), 2)} to ${fixed(Math.max(...ratios), 2)} times the forecast.`,
    heightPx: 300,
    x: axis,
    y: axis,
    narrow: true,
    shapes: `<path class="diagonal" d="M0 ${HEIGHT}L${WIDTH} 0"/><path class="line" style="stroke:var(--blue);opacity:.5" d="M${line}${known.length === 1 ? 'h.1' : ''}"/>`,
    over: dots.join(''),
  })
}

/** A stretch of time with a figure of each series. */
export interface WindowLines {
  readonly title: string
  readonly unit: string
  readonly description: string
  readonly windows: readonly { readonly fromUs: number; readonly toUs: number }[]
  readonly series: readonly { readonly name: string; readonly colour: string; readonly values: readonly number[] }[]
  /** A level to draw across, as an alarm. */
  readonly alarm?: number
  readonly heightPx: number
  /** Starts the axis at zero. */
  readonly zero?: boolean
}

/** Draws a level for each window, joined from one to the next. */
export function windowChart(chart: WindowLines): string {
  const { windows, series, alarm } = chart
  const values = series.flatMap((each) => each.values).filter(Number.isFinite)
  if (alarm !== undefined) values.push(alarm)
  if (values.length === 0 || windows.length === 0) return ''
  let [low, high] = [Math.min(...values), Math.max(...values)]
  if (chart.zero) low = Math.min(0, low)
  const air = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 1
  high += air
  if (!(chart.zero && low === 0)) low -= air
  const x = timed(windows[0]!.fromUs, windows.at(-1)!.toUs)
  const y = linear(low, high, chart.heightPx > 140 ? 5 : 3, 'num')
  let shapes = ''
  let over = ''
  for (const { name, colour, values: levels } of series) {
    let path = ''
    for (const [i, window] of windows.entries()) {
      const level = levels[i]!
      if (!Number.isFinite(level)) continue
      const joined = i > 0 && Number.isFinite(levels[i - 1]!)
      path += `${joined ? 'L' : 'M'}${spot(x, y, window.fromUs, level)}L${spot(x, y, window.toUs, level)}`
      const middle = x.place((window.fromUs + window.toUs) / 2)
      over += `<circle cx="${middle}%" cy="${coordinate(100 - Number(y.place(level)))}%" r="3.5" style="fill:var(${colour})"><title>${escaped(`${name}: ${anySize(level, 4)}, ${utc(window.fromUs).slice(0, 16)} to ${utc(window.toUs).slice(0, 16)}`)}</title></circle>`
    }
    shapes += `<path class="line" style="stroke:var(${colour})" d="${path}"/>`
  }
  if (alarm !== undefined) {
    const top = coordinate(100 - Number(y.place(alarm)))
    over += `<line class="event" x1="0" x2="100%" y1="${top}%" y2="${top}%"><title>alarm</title></line>`
  }
  return framed({
    title: chart.title,
    unit: chart.unit,
    description: chart.description,
    heightPx: chart.heightPx,
    x,
    y,
    legend: series.length > 1 ? series : [],
    shapes,
    over,
  })
}

/** Draws a row of cells over time, darker for more; the largest is full. */
export function heatStrip(
  title: string,
  unit: string,
  windows: readonly { readonly fromUs: number; readonly toUs: number }[],
  cells: readonly { readonly value: number; readonly text: string }[],
): string {
  const most = Math.max(...cells.map(({ value }) => value).filter(Number.isFinite), 1e-12)
  const x = timed(windows[0]!.fromUs, windows.at(-1)!.toUs)
  const drawn = windows.map(({ fromUs, toUs }, i) => {
    const { value, text } = cells[i]!
    const shade = Number.isFinite(value) ? coordinate((0.08 + (0.84 * Math.max(0, value)) / most) * 10) : '0'
    const left = x.part(fromUs) * WIDTH
    return `<rect x="${coordinate(left)}" y="0" width="${coordinate(Math.max(1, x.part(toUs) * WIDTH - left))}" height="${HEIGHT}" style="opacity:${Number(shade) / 10}"><title>${escaped(`${utc(fromUs).slice(0, 16)} to ${utc(toUs).slice(0, 16)}: ${text}`)}</title></rect>`
  })
  const said = cells.map(({ text }) => text).join('; ')
  return `<figure class="heat"><figcaption><strong>${escaped(title)}</strong> <span class="unit">${escaped(unit)}</span></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(`${title}, window by window: ${said}`)}"><title>${escaped(title)}</title>${drawn.join('')}</svg></figure>`
}

/** Colours of so many states, calmest first. */
export function stateColours(states: number): readonly string[] {
  if (states <= 2) return ['--sky', '--red']
  if (states === 3) return ['--sky', '--orange', '--red']
  return ['--sky', '--green', '--orange', '--red', '--purple', '--blue', '--grey']
}

/** More moments than this are averaged before they are drawn: finer stripes than a screen's cannot be read. */
const MOMENTS_DRAWN = 160

/** Draws probabilities stacked to one over time. Moments at which any is unknown are left out. */
export function stackedChart(
  title: string,
  description: string,
  timesUs: readonly number[],
  states: readonly { readonly name: string; readonly values: readonly number[] }[],
): string {
  const known = timesUs.flatMap((_, i) => (states.every(({ values }) => Number.isFinite(values[i])) ? [i] : []))
  if (known.length === 0) return ''
  const each = Math.ceil(known.length / MOMENTS_DRAWN)
  const parts = Array.from({ length: Math.ceil(known.length / each) }, (_, k) => known.slice(k * each, (k + 1) * each))
  const meanOf = (values: readonly number[], part: readonly number[]) =>
    part.reduce((sum, i) => sum + values[i]!, 0) / part.length
  const moments = parts.map((part) => meanOf(timesUs, part))
  const x = timed(moments[0]!, moments.at(-1)!)
  const y = linear(0, 1, 4, 'pct')
  const colours = stateColours(states.length)
  const below = new Float64Array(parts.length)
  let shapes = ''
  for (const [state, { values }] of states.entries()) {
    const lower = moments.map((timeUs, k) => spot(x, y, timeUs, Math.min(1, below[k]!)))
    for (const [k, part] of parts.entries()) below[k]! += meanOf(values, part)
    const upper = moments.map((timeUs, k) => spot(x, y, timeUs, Math.min(1, below[k]!))).reverse()
    shapes += `<path class="stacked" style="fill:var(${colours[state % colours.length]!})" d="M${[...lower, ...upper].join('L')}Z"/>`
  }
  return framed({
    title,
    unit: [
      'stacked to 100 %',
      ...(each > 1 ? [`mean of every ${count(each)} of ${count(known.length)} moments`] : []),
      ...(known.length < timesUs.length ? [`unknown at ${count(timesUs.length - known.length)} more`] : []),
    ].join(', '),
    description,
    heightPx: 190,
    x,
    y,
    legend: states.map(({ name }, i) => ({ name, colour: colours[i % colours.length]! })),
    shapes,
  })
}

/** Bars of how often values fell between edges, with zero marked; values that are not finite are counted out. */
export function countChart(title: string, unit: string, values: readonly number[]): string {
  const known = values.filter(Number.isFinite)
  if (known.length === 0) return ''
  const [least, most] = known.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as [number, number])
  // Zero is an edge: what fell on either side of it is the question.
  const reach = Math.max(Math.abs(least), Math.abs(most)) || 1
  const half = Math.min(15, Math.max(5, Math.ceil(Math.sqrt(known.length) / 2)))
  const width = (reach * 1.0001) / half
  const bins = new Array<number>(2 * half).fill(0)
  // An exact zero belongs below: at the median is not above it.
  for (const value of known) bins[half + (value > 0 ? Math.floor(value / width) : -1 - Math.floor(-value / width))]!++
  const x = linear(-half * width, half * width, 6, 'num')
  const tallest = Math.max(...bins)
  const y = linear(0, tallest * 1.06, 3, 'num')
  const bars = bins.map((many, i) => {
    if (many === 0) return ''
    const left = (i / (2 * half)) * WIDTH
    const top = (1 - y.part(many)) * HEIGHT
    return `<rect class="${i < half ? 'below' : 'above'}" x="${coordinate(left + 1)}" y="${coordinate(top)}" width="${coordinate(WIDTH / (2 * half) - 2)}" height="${coordinate(HEIGHT - top)}"><title>${escaped(`${fixed((i - half) * width, 2)} to ${fixed((i + 1 - half) * width, 2)}: ${count(many)}`)}</title></rect>`
  })
  const under = known.filter((value) => value <= 0).length
  return framed({
    title,
    unit,
    description: `${count(known.length)} values from ${fixed(least, 2)} to ${fixed(most, 2)}, ${count(under)} of them at or below zero.`,
    heightPx: 150,
    x,
    y,
    shapes: bars.join(''),
    over: '<line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>',
    narrow: true,
  })
}

/** Draws one dot a path on a line through zero. */
export function pathChart(title: string, unit: string, values: readonly number[]): string {
  const known = values.filter(Number.isFinite)
  if (known.length === 0) return ''
  const low = Math.min(0, ...known)
  const high = Math.max(0, ...known)
  const air = (high - low) * 0.12 || 0.01
  const y = linear(low - air, high + air, 4, 'pct')
  const place = (path: number) => coordinate(((path + 0.5) / values.length) * 100)
  const every = Math.max(1, Math.ceil(values.length / 15))
  const x: Axis = {
    part: (value) => value,
    place: (value) => coordinate(value * 100),
    ticks: values.flatMap((_, i) => (i % every === 0 ? [{ at: place(i), text: String(i + 1) }] : [])),
  }
  const zero = coordinate(100 - Number(y.place(0)))
  const dots = values.map((value, i) => {
    if (!Number.isFinite(value)) return ''
    const top = coordinate(100 - Number(y.place(value)))
    return `<line class="stem" x1="${place(i)}%" x2="${place(i)}%" y1="${zero}%" y2="${top}%"/><circle class="point ${value < 0 ? 'model' : 'worse'}" cx="${place(i)}%" cy="${top}%" r="5"><title>${escaped(`path ${i + 1}: ${axisText('pct', value, 0.001)}`)}</title></circle>`
  })
  const below = known.filter((value) => value < 0).length
  return framed({
    title,
    unit,
    description: `${below} of ${values.length} paths below zero, from ${axisText('pct', Math.min(...known), 0.001)} to ${axisText('pct', Math.max(...known), 0.001)}${known.length < values.length ? `, ${NONE} where unknown` : ''}.`,
    heightPx: 170,
    x,
    y,
    over: `<line class="zero" x1="0" x2="100%" y1="${zero}%" y2="${zero}%"/>${dots.join('')}`,
  })
}

/** Look of these pictures, in the colours of pageStyle.ts. */
export const PLOT_STYLE = `
.pointed{table-layout:auto}
.pointed .points{width:38%;min-width:150px;padding-right:18px}
.pointed .points svg{display:block;overflow:visible}
.pointed th[scope=row]{overflow-wrap:break-word;white-space:normal;min-width:104px}
.pointed td,.pointed th{padding-top:1px;padding-bottom:1px;vertical-align:middle}
.pointed .ticks{position:relative;height:18px;font-size:11.5px;font-weight:400}
.pointed .ticks span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.pointed tr.model th,.pointed tr.model td{background:color-mix(in srgb,var(--blue) 8%,transparent)}
.gridline{stroke:var(--grid)}.zero{stroke:var(--soft)}.mark{stroke:var(--blue);stroke-dasharray:4 3}
.whisker{stroke:var(--grey);stroke-width:1.6}
.point{fill:var(--grey);stroke:var(--panel);stroke-width:1}
.model .whisker{stroke:var(--blue)}.model .point,.point.model{fill:var(--blue)}
.placebo .whisker{stroke:var(--purple)}.placebo .point{fill:var(--panel);stroke:var(--purple);stroke-width:2}
.point.worse{fill:var(--red)}
.pointed use{fill:var(--grey)}.model use{fill:var(--blue)}
rect.bar0,.legend i.bar0{fill:var(--blue);background:var(--blue)}rect.bar1,.legend i.bar1{fill:var(--grey);background:var(--grey);opacity:.7}
.pointed .legend{margin-left:0;flex-wrap:nowrap}
.still .plot{cursor:default;touch-action:auto;user-select:auto}
.still .plot .over{pointer-events:auto;overflow:visible}
.still.narrow{max-width:560px}
.diagonal{fill:none;stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4;vector-effect:non-scaling-stroke}
.stacked{stroke:none;opacity:.82}
.stem{stroke:var(--soft);stroke-width:1.5;opacity:.4}
.still rect.below{fill:var(--red);opacity:.72}.still rect.above{fill:var(--blue);opacity:.72}
.heat{margin:8px 0 4px}.heat svg{display:block;height:20px;width:calc(100% - 64px);margin-left:64px;background:var(--panel);outline:1px solid var(--grid)}
.heat rect{fill:var(--red)}
.heat figcaption{margin-left:64px;margin-bottom:2px}
@media (max-width:640px){.pointed .points{width:30%;min-width:104px;padding-right:12px}.pointed th[scope=row]{min-width:96px}.ticks .odd{display:none}
.pointed .legend{flex-wrap:wrap}.wide caption{max-width:calc(100vw - 32px)}.pointed th,.pointed td{padding-right:9px}.heat svg{width:calc(100% - 52px);margin-left:52px}.heat figcaption{margin-left:52px}}
`
