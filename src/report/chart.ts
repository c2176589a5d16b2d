/**
 * @file Charts as inline SVG, complete without a script and without a library.
 *
 * Why not a chart library: the page must open from a disk, an e-mail or an archive in ten years, print on paper and be
 * read on a phone. A library of 50 to 1,000 kB drawing on a canvas does none of this better than a few paths do: canvases
 * print as bitmaps, have no text alternative and show nothing without their script.
 *
 * How they fit any width: the SVG holds only lines and is stretched to its box (`preserveAspectRatio="none"` with strokes
 * that do not scale); all text stands beside it as HTML, placed in per cent, so letters keep their size at 360 px.
 * The script (pageScript.ts) adds a common cross-hair, a read-out and zooming by moving the SVG's view box.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { bps, compact, count, escaped, fixed, latency, percent, plain, utc } from './figures.ts'
import type { Distribution } from './sketch.ts'

/** View box of every chart. */
const WIDTH = 1000
const HEIGHT = 400

/** How values of a chart are written. The page's script knows the same names. */
export type ValueFormat = 'usd' | 'pct' | 'num' | 'times'

type Values = readonly (number | null)[]

/** One line of a time chart. `path` names the values in the report's data, for the read-out. */
export interface Line {
  readonly name: string
  readonly path: string
  readonly values: Values
  /** CSS variable of its colour: `--blue`. */
  readonly colour: string
  /** Least and greatest in each bucket, drawn as a pale band. */
  readonly low?: { readonly path: string; readonly values: Values }
  readonly high?: { readonly path: string; readonly values: Values }
  readonly style?: 'line' | 'area' | 'step'
  /** Drawn with its sign turned: falls hang down. */
  readonly negative?: boolean
}

/** Fills of one side, to be marked on a price chart. */
export interface Marks {
  readonly name: string
  readonly path: string
  readonly symbol: 'up' | 'down'
  readonly count: readonly number[]
  readonly size: readonly number[]
  readonly price: Values
}

/** A chart over the run's common time axis. */
export interface TimeChart {
  readonly title: string
  readonly unit: string
  readonly format: ValueFormat
  /** What the picture shows, in a sentence with its figures: for those who cannot see it. */
  readonly description: string
  readonly run: number
  readonly heightPx: number
  readonly startUs: readonly number[]
  readonly widthUs: number
  readonly lines: readonly Line[]
  readonly marks?: readonly Marks[]
  /** Moments to mark by a dashed line, with a word for each. */
  readonly events?: readonly { readonly timeUs: number; readonly label: string }[]
  readonly zero?: boolean
  /** Without labels of its own under the plot: the chart below shares them. */
  readonly bare?: boolean
}

/** Round numbers covering [low, high], about `wanted` of them. */
export function niceTicks(low: number, high: number, wanted: number): number[] {
  const span = high - low
  // Below a trillionth of the values a step may be lost to rounding, and steps would never arrive.
  if (!(span > 1e-12 * Math.max(Math.abs(low), Math.abs(high)))) return [low]
  const power = 10 ** Math.floor(Math.log10(span / wanted))
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => span / (factor * power) <= wanted + 1) ?? 10)
  const ticks: number[] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step)
  return ticks
}

const TIME_STEPS_US = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND_US),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_US),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR_US),
  ...[1, 2, 5, 7, 14, 30, 60, 90, 180, 365].map((n) => n * DAY_US),
]

/** Round UTC times within [low, high], at most eight, with what to write at each. */
export function timeTicks(lowUs: number, highUs: number): { atUs: number; text: string }[] {
  const span = highUs - lowUs
  const step = TIME_STEPS_US.find((each) => span / each <= 8) ?? 730 * DAY_US
  const ticks: { atUs: number; text: string }[] = []
  for (let atUs = Math.ceil(lowUs / step) * step; atUs <= highUs; atUs += step) {
    const full = utc(atUs)
    const text =
      step >= DAY_US
        ? full.slice(span > 300 * DAY_US ? 0 : 5, 10)
        : full.slice(11, 19) === '00:00:00'
          ? full.slice(5, 10)
          : full.slice(11, step >= MINUTE_US ? 16 : 19)
    ticks.push({ atUs, text })
  }
  return ticks
}

/** A value in a chart's format, for its axis. */
export function axisText(format: ValueFormat, value: number, step: number): string {
  const decimals = decimalsFor(step)
  if (format === 'pct') return `${fixed(value * 100, Math.min(4, Math.max(0, decimals - 2)))} %`
  if (format === 'times') return `${fixed(value, Math.min(3, decimals))}×`
  // Thousands on every tick of an axis or on none: 90,000 beside 100k looks like two scales.
  const [unit, letter] = Math.abs(value) >= 1e6 ? [1e6, 'M'] : [1e3, 'k']
  if (step >= 1e3 && value !== 0 && decimalsFor(step / unit) <= 3)
    return `${fixed(value / unit, decimalsFor(step / unit))}${letter}`
  return fixed(value, Math.min(8, decimals))
}

/** As many decimals as tell neighbouring ticks apart. */
function decimalsFor(step: number): number {
  if (!(step > 0)) return 2
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))
  // Steps of 2.5 need one more, or 2.5 would be written 3.
  return Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6 ? decimals + 1 : decimals
}

/** A place in a picture, to a tenth. */
export const coordinate = (value: number): string => String(Math.round(value * 10) / 10)

/** Draws a chart over time. */
export function timeChart(chart: TimeChart): string {
  const { startUs, widthUs } = chart
  if (startUs.length === 0) return ''
  const t0 = startUs[0]!
  const t1 = startUs.at(-1)! + widthUs
  const [y0, y1] = valueRange(chart)
  const x = (bucket: number) => ((startUs[bucket]! + widthUs / 2 - t0) / (t1 - t0)) * WIDTH
  const y = (value: number) => ((y1 - value) / (y1 - y0)) * HEIGHT
  const shapes = chart.lines.map((line) => drawLine(line, x, y, y0, y1)).join('')
  const ticks = niceTicks(y0, y1, chart.heightPx > 140 ? 5 : 3)
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 0
  const yLabels = ticks.map((tick) => {
    const top = coordinate((y(tick) / HEIGHT) * 100)
    return `<span style="top:${top}%" data-at="${top}">${axisText(chart.format, tick, step)}</span>`
  })
  const grid = ticks.map((tick) => {
    const zero = Math.abs(tick) < step / 1e6 && y0 < 0 ? ' class="zero"' : ''
    return `<i${zero} style="top:${coordinate((y(tick) / HEIGHT) * 100)}%"></i>`
  })
  const times = timeTicks(t0, t1)
  const xLabels = times.map(({ atUs, text }, i) => {
    const left = coordinate(((atUs - t0) / (t1 - t0)) * 100)
    return `<span${i % 2 === 1 ? ' class="odd"' : ''} style="left:${left}%" data-at="${left}">${text}</span>`
  })
  const verticals = times.map(({ atUs }) => `<b style="left:${coordinate(((atUs - t0) / (t1 - t0)) * 100)}%"></b>`)
  const marks = (chart.marks ?? []).map((each) => drawMarks(each, startUs, widthUs, t0, t1, y0, y1)).join('')
  const events = (chart.events ?? [])
    .map(({ timeUs, label }) => {
      const left = coordinate(((timeUs - t0) / (t1 - t0)) * 100)
      return `<line class="event" data-t="${timeUs}" x1="${left}%" x2="${left}%" y1="0" y2="100%"><title>${escaped(label)}</title></line>`
    })
    .join('')
  const legend = [
    ...chart.lines.map((line) => `<span><i style="background:var(${line.colour})"></i>${escaped(line.name)}</span>`),
    ...(chart.marks ?? []).map(
      (each) =>
        `<span><svg width="12" height="12"><use href="#${each.symbol}3" x="6" y="${each.symbol === 'up' ? 0 : 12}"/></svg>${each.name}</span>`,
    ),
  ]
  const series = chart.lines.map((line) => ({
    n: line.name,
    p: line.path,
    ...(line.low && { l: line.low.path }),
    ...(line.high && { h: line.high.path }),
    ...(line.negative && { s: -1 }),
  }))
  const marked = (chart.marks ?? []).map((each) => ({ n: each.name, p: each.path, m: each.symbol }))
  const data = { run: chart.run, f: chart.format, t0, t1, y0, y1, z: chart.zero ? 1 : 0, series, marks: marked }
  return `<figure class="chart${chart.bare ? ' bare' : ''}" data-chart="${escaped(JSON.stringify(data))}">
<figcaption><strong>${escaped(chart.title)}</strong> <span class="unit">${escaped(chart.unit)}</span><span class="legend">${legend.length > 1 ? legend.join('') : ''}</span></figcaption>
<div class="frame"><div class="y">${yLabels.join('')}</div>
<div class="plot" style="height:${chart.heightPx}px">${grid.join('')}${verticals.join('')}
<svg class="lines" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(`${chart.title}. ${chart.description}`)}"><title>${escaped(chart.title)}</title><desc>${escaped(chart.description)}</desc>${shapes}</svg>
<svg class="over" aria-hidden="true">${events}<g class="marks">${marks}</g></svg></div></div>
<div class="x">${xLabels.join('')}</div>
</figure>`
}

/** Range of values with a little air, the same rule as the page's script uses after zooming. */
function valueRange(chart: TimeChart): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const line of chart.lines) {
    const sign = line.negative ? -1 : 1
    for (const values of [line.values, line.low?.values ?? [], line.high?.values ?? []]) {
      for (const value of values) {
        if (value === null) continue
        low = Math.min(low, sign * value)
        high = Math.max(high, sign * value)
      }
    }
  }
  if (low > high) return [0, 1]
  if (chart.zero) {
    low = Math.min(low, 0)
    high = Math.max(high, 0)
    if (low === high) return [0, 1]
  }
  const air = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.001, 1e-6)
  return [chart.zero && low === 0 ? 0 : low - air, chart.zero && high === 0 ? 0 : high + air]
}

function drawLine(
  line: Line,
  x: (bucket: number) => number,
  y: (value: number) => number,
  y0: number,
  y1: number,
): string {
  const sign = line.negative ? -1 : 1
  const at = (values: Values, i: number) => (values[i] === null ? null : sign * values[i]!)
  const pieces = unbroken(line.values)
  const path = (points: [number, number][]) =>
    points
      .map(([px, py], i) => {
        const move = `${i === 0 ? 'M' : 'L'}${coordinate(px)} ${coordinate(py)}`
        return line.style === 'step' && i > 0 ? `H${coordinate(px)}V${coordinate(py)}` : move
      })
      .join('')
  let shapes = ''
  const { low, high } = line
  for (const piece of pieces) {
    const points = piece.map((i): [number, number] => [x(i), y(at(line.values, i)!)])
    if (low && high) {
      const upper = piece.map((i): [number, number] => [x(i), y(at(high.values, i)!)])
      const lower = piece.map((i): [number, number] => [x(i), y(at(low.values, i)!)]).reverse()
      const outline = [...upper, ...lower].map(([px, py]) => `${coordinate(px)} ${coordinate(py)}`).join('L')
      shapes += `<path class="band" style="fill:var(${line.colour})" d="M${outline}Z"/>`
    }
    if (line.style === 'area' || line.style === 'step') {
      const base = coordinate(y(Math.min(y1, Math.max(y0, 0))))
      const closed = `L${coordinate(points.at(-1)![0])} ${base}L${coordinate(points[0]![0])} ${base}Z`
      shapes += `<path class="area" style="fill:var(${line.colour})" d="${path(points)}${closed}"/>`
    }
    // A lone bucket is a dot, not an invisible line.
    const dot = points.length === 1 ? 'h.1' : ''
    shapes += `<path class="line" style="stroke:var(${line.colour})" d="${path(points)}${dot}"/>`
  }
  return shapes
}

/** Runs of indices without a null. */
function unbroken(values: Values): number[][] {
  const pieces: number[][] = []
  let open: number[] | undefined
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null) open = undefined
    else if (open) open.push(i)
    else pieces.push((open = [i]))
  }
  return pieces
}

/** How many marks of a side fit across a chart without covering one another. */
const MARKS_ACROSS = 110

/** One triangle for the fills of a side within a hundredth of the axis, at their average price, larger for more. */
function drawMarks(
  marks: Marks,
  startUs: readonly number[],
  widthUs: number,
  t0: number,
  t1: number,
  y0: number,
  y1: number,
): string {
  const groups = new Map<number, { size: number; worth: number; time: number; count: number }>()
  for (let i = 0; i < startUs.length; i++) {
    const price = marks.price[i]
    if (price === null || price === undefined || !(marks.count[i]! > 0)) continue
    const timeUs = startUs[i]! + widthUs / 2
    const slot = Math.floor(((timeUs - t0) / (t1 - t0)) * MARKS_ACROSS)
    const group = groups.get(slot) ?? { size: 0, worth: 0, time: 0, count: 0 }
    const size = marks.size[i]!
    group.size += size
    group.worth += size * price
    group.time += size * (timeUs - t0)
    group.count += marks.count[i]!
    groups.set(slot, group)
  }
  let largest = 0
  for (const { size } of groups.values()) largest = Math.max(largest, size)
  let shapes = ''
  for (const { size, worth, time } of groups.values()) {
    const left = coordinate((time / size / (t1 - t0)) * 100)
    const top = coordinate(((y1 - worth / size) / (y1 - y0)) * 100)
    const rank = size > largest * 0.6 ? 3 : size > largest * 0.2 ? 2 : 1
    shapes += `<use href="#${marks.symbol}${rank}" x="${left}%" y="${top}%"/>`
  }
  return shapes
}

/** How a distribution's values are written. */
export type DistributionFormat = 'latency' | 'bps' | 'times' | 'usd'

function written(format: DistributionFormat, value: number | null): string {
  if (format === 'latency') return latency(value)
  if (value === null) return plain(null)
  if (format === 'bps') return `${bps(value)} bps`
  return format === 'usd' ? `$${compact(Number(value.toPrecision(4)))}` : `${plain(value, 3)}×`
}

/** Draws a histogram with its quantiles written under it. */
export function histogram(title: string, found: Distribution, format: DistributionFormat, note = ''): string {
  const caption = `<figcaption><strong>${escaped(title)}</strong> <span class="unit">${count(found.count)} measured${found.scale === 'log' ? ', log scale' : ''}</span></figcaption>`
  const said = note === '' ? '' : `<p class="note">${escaped(note)}</p>`
  if (found.count === 0)
    return `<figure class="histogram">${caption}<p class="empty">Nothing was measured.</p>${said}</figure>`
  const most = Math.max(1, ...found.counts)
  const bars = found.counts
    .map((each, i) => {
      const height = (each / most) * 96
      const wide = 100 / found.counts.length
      return `<rect x="${coordinate(i * wide + wide * 0.06)}" y="${coordinate(100 - height)}" width="${coordinate(wide * 0.88)}" height="${coordinate(height)}"><title>${escaped(`${written(format, found.edges[i]!)} to ${written(format, found.edges[i + 1]!)}: ${count(each)}`)}</title></rect>`
    })
    .join('')
  const place = (value: number | null): number | null => {
    const [low, high] = [found.edges[0], found.edges.at(-1)]
    if (value === null || low === undefined || high === undefined || value < low || value > high) return null
    return found.scale === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
  }
  const lines = (
    [
      ['p50', found.p50],
      ['p95', found.p95],
    ] as const
  )
    .map(([name, value]) => {
      const at = place(value)
      if (at === null) return ''
      const left = coordinate(at * 100)
      return `<i class="quantile ${name}" style="left:${left}%"></i>`
    })
    .join('')
  const zero = found.scale === 'linear' ? place(0) : null
  const zeroLine = zero === null ? '' : `<i class="quantile zero" style="left:${coordinate(zero * 100)}%"></i>`
  const outside = [
    found.below > 0 ? `${count(found.below)} ${found.scale === 'log' ? 'at zero or less' : 'further left'}` : '',
    found.above > 0 ? `${count(found.above)} further right` : '',
  ].filter((text) => text !== '')
  const row = (name: string, value: number | null) => `<div><dt>${name}</dt><dd>${written(format, value)}</dd></div>`
  return `<figure class="histogram">${caption}
<div class="bars">${lines}${zeroLine}<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="${escaped(`${title}: median ${written(format, found.p50)}, 95th percentile ${written(format, found.p95)}`)}">${bars}</svg></div>
<div class="ends"><span>${found.edges.length > 0 ? written(format, found.edges[0]!) : ''}</span><span>${outside.join(', ')}</span><span>${found.edges.length > 0 ? written(format, found.edges.at(-1)!) : ''}</span></div>
<dl class="quantiles">${row('5 %', found.p05)}${row('median', found.p50)}${row('mean', found.mean)}${row('95 %', found.p95)}${row('99 %', found.p99)}${row('max', found.max)}</dl>${said}</figure>`
}

/** One step of a waterfall. */
export interface WaterfallStep {
  readonly name: string
  /** Shown as written; its bar runs from `from` to `to`. */
  readonly text: string
  readonly from: number
  readonly to: number
  readonly total?: boolean
  readonly explanation?: string
}

/** Draws a waterfall as rows of bars: reads on a phone, prints, and is a table to a screen reader. */
export function waterfall(title: string, steps: readonly WaterfallStep[]): string {
  // Totals start from zero, which would leave the steps invisible; the axis covers only where the steps move.
  const moving = steps.filter((step) => !step.total).flatMap((step) => [step.from, step.to])
  const ends = moving.length > 0 ? moving : steps.map((step) => step.to)
  const spread = Math.max(...ends) - Math.min(...ends)
  const low = Math.min(...ends) - spread * 0.08 - 1e-9
  const high = Math.max(...ends) + spread * 0.08 + 1e-9
  const place = (value: number) => ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * 100
  const rows = steps.map((step) => {
    const [left, right] = [step.from, step.to].map(place).sort((a, b) => a - b) as [number, number]
    const kind = step.total ? 'total' : step.to >= step.from ? 'gain' : 'loss'
    const start = step.total ? 0 : left
    const bar = `<i class="${kind}" style="left:${coordinate(start)}%;width:${coordinate(Math.max(0.3, (step.total ? place(step.to) : right) - start))}%"></i>`
    const said = step.explanation === undefined ? '' : `<small>${escaped(step.explanation)}</small>`
    return `<tr class="${kind}"><th scope="row">${escaped(step.name)}${said}</th><td class="track" aria-hidden="true"><div>${bar}</div></td><td class="figure">${step.text}</td></tr>`
  })
  return `<table class="waterfall"><caption>${escaped(title)}</caption><tbody>${rows.join('')}</tbody></table>`
}

/** One row of {@link spans}: a dot at the mean and a bar over the middle half. */
export interface Span {
  readonly name: string
  readonly mean: number | null
  readonly p25: number | null
  readonly p75: number | null
  readonly colour: string
  readonly cells: readonly string[]
}

/** Draws means and middle halves on one common axis through zero, one row each, with their figures beside. */
export function spans(title: string, heads: readonly string[], rows: readonly Span[]): string {
  let reach = 0
  for (const { mean, p25, p75 } of rows) {
    for (const value of [mean, p25, p75]) if (value !== null) reach = Math.max(reach, Math.abs(value))
  }
  if (reach === 0) reach = 1
  const place = (value: number) => coordinate(50 + (value / reach) * 48)
  const body = rows.map((row) => {
    const bar =
      row.p25 === null || row.p75 === null
        ? ''
        : `<i class="half" style="left:${place(row.p25)}%;width:${coordinate(((row.p75 - row.p25) / reach) * 48)}%;background:var(${row.colour})"></i>`
    const dot =
      row.mean === null ? '' : `<i class="dot" style="left:${place(row.mean)}%;background:var(${row.colour})"></i>`
    const cells = row.cells.map((cell) => `<td class="figure">${cell}</td>`).join('')
    return `<tr><th scope="row">${escaped(row.name)}</th><td class="track" aria-hidden="true"><div class="axis">${bar}${dot}</div></td>${cells}</tr>`
  })
  const head = heads.map((each) => `<th scope="col" class="figure">${escaped(each)}</th>`).join('')
  return `<div class="wide"><table class="spans"><caption>${escaped(title)}</caption><thead><tr><th></th><th class="track">&minus;${plain(reach, 2)} to +${plain(reach, 2)} bps</th>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

/** Percentages for tables of counts. */
export function share(part: number, whole: number): string {
  return whole > 0 ? percent(part / whole, 1) : percent(null)
}
