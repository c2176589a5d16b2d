/**
 * @file A journal is enough to check every decision again: write one, replay it, then alter one input and see it found.
 *
 * State is a fold over the journal's inputs. A replay builds the engine of the header, feeds the inputs, and compares
 * every order, cancellation and refusal with the recorded one, byte for byte.
 *
 * Run it: node examples/04-journal-and-replay.ts
 * With the package installed, import from 'gimbal/journal', 'gimbal/engine', 'gimbal/sim' and so on.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GimbalError } from '../src/core/errors.ts'
import { Engine, type VenuePort } from '../src/engine/engine.ts'
import { engineStateDigest, replayJournal } from '../src/engine/replayJournal.ts'
import { FileJournal } from '../src/journal/fileJournal.ts'
import type { JournalHeader } from '../src/journal/header.ts'
import type { Journal } from '../src/journal/journal.ts'
import { JournalReader } from '../src/journal/journalReader.ts'
import { Instrument, Universe } from '../src/market/instrument.ts'
import { Kind, MergedTape, type MergeInput, TapeBatch, type TapeSource } from '../src/market/tape.ts'
import { buildPolicy } from '../src/policies/registry.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const MAKER = { instruments: 'ETH-USDC-PERP@generated-north' }

/** The one place where the engine of this run is built: for the run itself, and for every replay of it. */
function build(header: JournalHeader, { journal, venue }: { journal: Journal; venue: VenuePort }): Engine {
  const universe = new Universe(header.instruments.map((spec) => new Instrument(spec)))
  return new Engine({
    universe,
    policies: [buildPolicy('market-maker', MAKER, universe)],
    gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
    journal,
    venue,
    cash: header.cash,
    seed: header.seed,
  })
}

/** The same tape, but for one trade, which it makes a hundred lots larger than it was. */
class AlteredTape implements TapeSource {
  readonly #source: TapeSource
  #tradesLeft: number

  constructor(source: TapeSource, trade: number) {
    this.#source = source
    this.#tradesLeft = trade
  }

  next(): TapeBatch | undefined {
    const batch = this.#source.next()
    if (!batch) return undefined
    const copy = new TapeBatch(batch.count)
    copy.pushRows(batch, 0, batch.count)
    for (let row = 0; row < copy.count; row++)
      if (copy.kind[row] === Kind.TRADE && this.#tradesLeft-- === 0) copy.lots[row]! += 100
    return copy
  }

  close(): void {
    this.#source.close()
  }
}

export function main(print: (line: string) => void) {
  const market = generateMarket({ seed: 5, hours: 1 / 4, crash: false })
  const { universe } = market
  const directory = mkdtempSync(join(tmpdir(), 'gimbal-example-'))
  try {
    const header: JournalHeader = {
      gimbal: 'example',
      // The rows stay in the tape, and the journal holds their digests; a live run would write them `inline`.
      rows: 'reference',
      run: '',
      seed: 1,
      cash: { USDC: 100_000 },
      since: { fillId: 0, accountUs: 0 },
      instruments: universe.instruments.map(({ spec }) => spec),
      settings: MAKER,
      tapes: [{ name: market.description, sha256: '0'.repeat(64) }],
    }
    const journal = FileJournal.create(directory, header, { durability: 'buffered' })
    const venue = new ReplayedExchange({ universe, cash: header.cash })
    const engine = build(header, { journal, venue })
    runBacktest(engine, venue, market.venueTape(), market.receivedTape())
    const hash = journal.close()
    print(`written: ${journal.records} records, journal ${hash.slice(0, 16)}…`)

    const replayed = replayJournal(JournalReader.open(directory)!, build, market.receivedTape())
    const sameState = replayed.state === engineStateDigest(engine)
    print(
      `replayed: ${replayed.rows} rows, all ${replayed.acts} acts as recorded, ${sameState ? 'same' : 'OTHER'} state`,
    )

    const inputs = market
      .sources()
      .inputs.map(
        (input, index): MergeInput => (index === 1 ? { ...input, source: new AlteredTape(input.source, 1000) } : input),
      )
    let divergence: GimbalError | undefined
    try {
      replayJournal(JournalReader.open(directory)!, build, new MergedTape(inputs, 'received'))
    } catch (error) {
      if (!(error instanceof GimbalError)) throw error
      divergence = error
    }
    print('with one trade altered:')
    for (const line of (divergence?.message ?? 'nothing was found').split('\n')) print(`  ${line}`)
    return { hash, records: journal.records, acts: replayed.acts, sameState, divergence }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
