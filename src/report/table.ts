/** @file A table of figures, as both pages draw it. */

import { escaped } from './figures.ts'

/**
 * A table that scrolls sideways when it must. Cells are HTML, caption and heads are text.
 *
 * @param options `total`: cells of a last row; `left`: columns of text, the first alone unless told: all others are figures.
 */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { total?: readonly string[]; left?: readonly number[] } = {},
): string {
  const left = options.left ?? [0]
  const row = (cells: readonly string[]) =>
    cells
      .map((text, i) =>
        i === 0 ? `<th scope="row">${text}</th>` : `<td${left.includes(i) ? '' : ' class="figure"'}>${text}</td>`,
      )
      .join('')
  const foot = options.total ? `<tfoot><tr>${row(options.total)}</tr></tfoot>` : ''
  return `<div class="wide"><table><caption>${escaped(caption)}</caption><thead><tr>${head
    .map((text, i) => `<th scope="col"${left.includes(i) ? '' : ' class="figure"'}>${escaped(text)}</th>`)
    .join(
      '',
    )}</tr></thead><tbody>${rows.map((cells) => `<tr>${row(cells)}</tr>`).join('')}</tbody>${foot}</table></div>`
}
