/**
 * @file Lines of a stream of bytes, some at a time: what a filter reads.
 *
 * Nothing is read ahead of what was asked for, so a slow reader of our output slows down whoever feeds us, and memory does not grow
 * with the input. A byte-order mark at the beginning and carriage returns at line ends are dropped. A line that is not UTF-8, or too
 * long to be one, is given as what is wrong with it: a character put in its place could be another option's name.
 */

/** Longest line, bytes: a hundred times any option, and little enough to hold. */
const LINE_BYTES_MAX = 1 << 20
const NEWLINE = 10

/** One line, numbered from 1, without its end; or why it cannot be read. */
export type InputLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly fault: string }

/** A line's text, or undefined when it is not UTF-8. Byte-order marks stay. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The lines of each block that came, as they came; the last is read whether or not it is ended. */
export async function* inputLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<InputLine[]> {
  let number = 0
  let rest: Uint8Array[] = []
  let restBytes = 0
  const read = (bytes: Uint8Array, tooLong: boolean): InputLine => {
    number++
    if (tooLong) return { number, fault: `longer than ${LINE_BYTES_MAX} bytes` }
    let text = decoded(bytes)
    if (text === undefined) return { number, fault: 'not UTF-8' }
    if (number === 1 && text.startsWith('\uFEFF')) text = text.slice(1)
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text }
  }
  /** Of an unfinished line that is too long already nothing more is kept. */
  const keep = (bytes: Uint8Array) => {
    restBytes += bytes.length
    if (restBytes > LINE_BYTES_MAX) rest = []
    else if (bytes.length > 0) rest.push(bytes)
  }
  const finish = (): InputLine => {
    const line = read(rest.length === 1 ? rest[0]! : Buffer.concat(rest), restBytes > LINE_BYTES_MAX)
    rest = []
    restBytes = 0
    return line
  }
  for await (const block of input) {
    const lines: InputLine[] = []
    let from = 0
    for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, from)) {
      keep(block.subarray(from, at))
      lines.push(finish())
      from = at + 1
    }
    keep(block.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) yield [finish()]
}
