/**
 * @file What a report's page does beyond being read: a common cross-hair with read-out, zooming, tabs, saving the JSON.
 *
 * Plain script for browsers, without dependencies. Everything it shows is already in the page: without it nothing is lost but
 * these comforts. It moves the charts' view boxes and rewrites their labels; the drawing itself is never redone.
 */

export const PAGE_SCRIPT = `
'use strict'
{
const all = [...document.querySelectorAll('figure.chart')]
const reports = JSON.parse(document.getElementById('reports').textContent)
const tip = document.getElementById('tip')
const W = 1000, H = 400
const get = (run, path) => path.split('.').reduce((at, key) => at == null ? at : at[key], reports[run].run)
const group = (text) => text.replace(/\\B(?=(\\d{3})+$)/g, ',')
const fixed = (value, decimals) => {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.')
  const text = fraction === undefined ? group(whole) : group(whole) + '.' + fraction
  return (value < 0 && /[1-9]/.test(text) ? '\\u2212' : '') + text
}
const digits = (value, most) => Math.max(0, Math.min(8, most - 1 - Math.floor(Math.log10(Math.abs(value) || 1))))
const written = (format, value, most) => value == null ? '\\u2013'
  : format === 'pct' ? fixed(value * 100, most > 6 ? 3 : 2) + ' %'
  : format === 'times' ? fixed(value, 3) + '\\u00d7'
  : format === 'usd' ? fixed(value, 2)
  : fixed(value, digits(value, most))
const iso = (us) => new Date(us / 1000).toISOString()
const stamp = (us) => iso(us).slice(0, 19).replace('T', ' ') + ' UTC'

const charts = all.map((figure) => {
  const data = JSON.parse(figure.dataset.chart)
  const plot = figure.querySelector('.plot')
  const cursor = plot.appendChild(document.createElement('div'))
  cursor.className = 'cursor'
  return { figure, plot, cursor, data, view: [data.t0, data.t1, data.y0, data.y1],
    lines: figure.querySelector('.lines'), over: figure.querySelector('.over') }
})
const bucketAt = (run, us) => {
  const { startUs, widthUs } = reports[run].run.timeline
  let low = 0, high = startUs.length - 1
  while (low < high) { const middle = (low + high + 1) >> 1; if (startUs[middle] <= us) low = middle; else high = middle - 1 }
  return startUs.length === 0 ? -1 : low
}

function show(chart, event) {
  const box = chart.plot.getBoundingClientRect()
  const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
  const us = chart.view[0] + part * (chart.view[1] - chart.view[0])
  const at = bucketAt(chart.data.run, us)
  if (at < 0) return
  for (const other of charts) {
    const inRun = other.data.run === chart.data.run
    other.cursor.style.display = inRun ? 'block' : 'none'
    if (inRun) other.cursor.style.left = 100 * (us - other.view[0]) / (other.view[1] - other.view[0]) + '%'
  }
  tip.textContent = ''
  const head = tip.appendChild(document.createElement('strong'))
  head.textContent = stamp(reports[chart.data.run].run.timeline.startUs[at])
  const table = tip.appendChild(document.createElement('table'))
  const row = (name, text) => {
    const line = table.insertRow()
    line.insertCell().textContent = name
    line.insertCell().textContent = text
  }
  for (const each of chart.data.series) {
    const sign = each.s || 1
    const value = (path) => { const found = get(chart.data.run, path)?.[at]; return found == null ? null : sign * found }
    row(each.n, written(chart.data.f, value(each.p), 7))
    if (each.l) row('low to high', written(chart.data.f, value(each.l), 7) + ' to ' + written(chart.data.f, value(each.h), 7))
  }
  for (const each of chart.data.marks) {
    const fills = get(chart.data.run, each.p)
    if (fills.count[at] > 0) row(each.n + ' \\u00d7 ' + fills.count[at], fixed(fills.size[at], digits(fills.size[at], 5)) + ' at ' + written('num', fills.price[at], 7))
  }
  tip.style.display = 'block'
  const wide = tip.offsetWidth, tall = tip.offsetHeight
  tip.style.left = Math.max(4, Math.min(innerWidth - wide - 4, event.clientX + (event.clientX > innerWidth / 2 ? -wide - 14 : 14))) + 'px'
  tip.style.top = Math.max(4, Math.min(innerHeight - tall - 4, event.clientY + 14)) + 'px'
}
function hide() {
  tip.style.display = 'none'
  for (const chart of charts) chart.cursor.style.display = 'none'
}

/** Moves every chart of a run to [t0, t1]; each finds its own range of values there. */
function look(run, t0, t1) {
  for (const chart of charts) {
    if (chart.data.run !== run) continue
    const { data } = chart
    const whole = t0 <= data.t0 && t1 >= data.t1
    let low = Infinity, high = -Infinity
    const { startUs, widthUs } = reports[run].run.timeline
    if (!whole) for (const each of data.series) for (const path of [each.p, each.l, each.h]) {
      if (!path) continue
      const values = get(run, path), sign = each.s || 1
      for (let i = 0; i < startUs.length; i++) {
        if (values[i] == null || startUs[i] + widthUs < t0 || startUs[i] > t1) continue
        low = Math.min(low, sign * values[i]); high = Math.max(high, sign * values[i])
      }
    }
    if (data.z) { low = Math.min(low, 0); high = Math.max(high, 0) }
    const air = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.001, 1e-6)
    const known = Number.isFinite(low) && Number.isFinite(high) && !whole && !(data.z && low === high)
    chart.view = whole ? [data.t0, data.t1, data.y0, data.y1]
      : [t0, t1, known ? (data.z && low === 0 ? 0 : low - air) : data.y0, known ? (data.z && high === 0 ? 0 : high + air) : data.y1]
    draw(chart)
  }
  const reset = document.querySelector('#run-' + run + ' .reset')
  if (reset) reset.hidden = charts.every((chart) => chart.data.run !== run || chart.view[0] === chart.data.t0 && chart.view[1] === chart.data.t1)
}
function draw(chart) {
  const { data, view: [t0, t1, y0, y1] } = chart
  const whole = t0 === data.t0 && t1 === data.t1
  const x = (us) => W * (us - data.t0) / (data.t1 - data.t0), y = (value) => H * (data.y1 - value) / (data.y1 - data.y0)
  chart.lines.setAttribute('viewBox', [x(t0), y(y1), x(t1) - x(t0), y(y0) - y(y1)].join(' '))
  for (const label of chart.figure.querySelectorAll('.y span')) {
    label.dataset.first ??= label.textContent
    label.textContent = whole ? label.dataset.first : written(data.f, y1 - label.dataset.at / 100 * (y1 - y0), 6)
  }
  for (const label of chart.figure.querySelectorAll('.x span')) {
    label.dataset.first ??= label.textContent
    const text = iso(t0 + label.dataset.at / 100 * (t1 - t0))
    label.textContent = whole ? label.dataset.first : t1 - t0 > 4 * 864e8 ? text.slice(5, 16).replace('T', ' ') : text.slice(11, 19)
  }
  for (const line of chart.over.querySelectorAll('.event')) {
    const at = 100 * (line.dataset.t - t0) / (t1 - t0) + '%'
    line.setAttribute('x1', at); line.setAttribute('x2', at)
  }
  const marks = chart.over.querySelector('.marks')
  if (data.marks.length > 0) marks.replaceChildren(...data.marks.flatMap((each) => markAll(chart, each)))
}
/** As chart.ts does for the whole run: at most so many marks across, fewer on a narrow screen. */
function markAll(chart, each) {
  const { data, view: [t0, t1, y0, y1] } = chart
  const { startUs, widthUs } = reports[data.run].run.timeline
  const fills = get(data.run, each.p), groups = new Map(), wide = chart.plot.clientWidth
  const across = wide > 0 ? Math.min(110, Math.max(20, Math.round(wide / 8))) : 110
  for (let i = 0; i < startUs.length; i++) {
    const us = startUs[i] + widthUs / 2
    if (!(fills.count[i] > 0) || us < t0 || us > t1) continue
    const slot = Math.floor((us - t0) / (t1 - t0) * across)
    const found = groups.get(slot) ?? { size: 0, worth: 0, time: 0 }
    found.size += fills.size[i]; found.worth += fills.size[i] * fills.price[i]; found.time += fills.size[i] * (us - t0)
    groups.set(slot, found)
  }
  const largest = Math.max(0, ...[...groups.values()].map((one) => one.size))
  return [...groups.values()].map(({ size, worth, time }) => {
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
    use.setAttribute('href', '#' + each.m + (size > largest * 0.6 ? 3 : size > largest * 0.2 ? 2 : 1))
    use.setAttribute('x', 100 * time / size / (t1 - t0) + '%')
    use.setAttribute('y', 100 * (y1 - worth / size) / (y1 - y0) + '%')
    return use
  })
}

for (const chart of charts) {
  let from = null, chosen = null
  const part = (event) => {
    const box = chart.plot.getBoundingClientRect()
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
  }
  chart.plot.addEventListener('pointermove', (event) => {
    show(chart, event)
    if (from === null) return
    const [left, right] = [from, part(event)].sort((a, b) => a - b)
    chosen ??= chart.plot.appendChild(Object.assign(document.createElement('div'), { className: 'chosen' }))
    chosen.style.left = left * 100 + '%'; chosen.style.width = (right - left) * 100 + '%'
  })
  chart.plot.addEventListener('pointerleave', hide)
  chart.plot.addEventListener('pointerdown', (event) => {
    show(chart, event)
    // Fingers scroll; only a mouse or a pen chooses a stretch.
    if (event.pointerType !== 'touch' && event.button === 0) { from = part(event); chart.plot.setPointerCapture(event.pointerId) }
  })
  chart.plot.addEventListener('pointerup', (event) => {
    if (from === null) return
    const [left, right] = [from, part(event)].sort((a, b) => a - b)
    const [t0, t1] = chart.view
    from = null; chosen?.remove(); chosen = null
    if (right - left > 0.01) look(chart.data.run, t0 + left * (t1 - t0), t0 + right * (t1 - t0))
  })
  chart.plot.addEventListener('pointercancel', () => { from = null; chosen?.remove(); chosen = null })
  chart.plot.addEventListener('dblclick', () => look(chart.data.run, -Infinity, Infinity))
}
for (const button of document.querySelectorAll('.reset')) {
  button.addEventListener('click', () => look(Number(button.dataset.run), -Infinity, Infinity))
}

const tabs = [...document.querySelectorAll('nav [role=tab]')]
const runs = [...document.querySelectorAll('.run')]
const choose = (id) => {
  for (const tab of tabs) tab.setAttribute('aria-selected', String(tab.dataset.run === id))
  for (const run of runs) run.hidden = id !== 'all' && run.id !== id
}
for (const tab of tabs) {
  tab.addEventListener('click', () => choose(tab.dataset.run))
  tab.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step !== 0) tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length].focus()
  })
}
if (tabs.length > 0) choose(tabs[0].dataset.run)
// A chart that is hidden has no width yet; it keeps the marks it came with.
for (const chart of charts) if (chart.data.marks.length > 0 && chart.plot.clientWidth > 0 && chart.plot.clientWidth < 880) draw(chart)
document.getElementById('save').addEventListener('click', () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([document.getElementById('reports').textContent + '\\n'], { type: 'application/json' }))
  link.download = 'report.json'
  link.click()
})
addEventListener('beforeprint', () => {
  for (const run of runs) look(Number(run.dataset.run), -Infinity, Infinity)
  for (const each of document.querySelectorAll('details')) each.open = true
})
}
`
