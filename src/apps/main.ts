#!/usr/bin/env node
/**
 * @file `gimbal <verb>`: the command line. Verbs load their code only when they run, so `--help` is instant.
 */

import { Command, CommanderError, Option } from 'commander'
import { GimbalError } from '../core/errors.ts'
import { EXIT, Terminal } from './terminal.ts'
import { gimbalVersion } from './version.ts'

/** What a verb's action returns: its exit code, 0 when absent. */
type Outcome = number | undefined

const RISK_OPTION =
  'limit or breaker: limits.leverageMax=3, breakers.daily-loss.limit=0.05, breakers.stale-data=off, sizing=off; repeatable'

const MARGIN_OPTION =
  'margin engine of a venue, for the gate to watch: deribit=deribit-portfolio, deribit=none, or none for no venue; repeatable'

const collect = (value: string, list: string[]): string[] => [...list, value]

/** Adds what every verb has. */
function verb(program: Command, name: string, summary: string, example: string): Command {
  return program
    .command(name)
    .summary(summary)
    .description(summary)
    .option('--json', 'print the result as one JSON document')
    .addHelpText('after', `\nExample:\n  ${example}`)
}

/** Adds the options of every verb that records a dataset. */
function studyData(command: Command): Command {
  return command
    .option('--catalog <dir>', 'the catalog; a generated market when absent')
    .addOption(
      new Option('--instrument <id>', 'instrument to read; repeatable; all of the catalog when absent')
        .argParser(collect)
        .default([], 'all'),
    )
    .option('--target <id>', 'instrument the figures are about; the first perpetual when absent')
    .option('--from <time>', 'first moment, UTC')
    .option('--to <time>', 'moment after the last, UTC')
    .option('--bars <length>', 'length of the bars to read, where the catalog has several: 5m, 1h')
    .option('--minutes <n>', 'minutes of generated market', '360')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--every <length>', 'time between samples: 1s, 5m; a bar, or a second, when absent')
    .option('--only <families>', 'feature families, comma-separated; all the data can feed when absent')
    .addOption(
      new Option('--feature <family.setting=value>', 'setting of a feature family; repeatable')
        .argParser(collect)
        .default([], 'defaults'),
    )
    .option('--normalise-over <n>', 'looks that rolling normalisation reaches back; none when absent')
}

/** Adds the options of every verb that asks about a market now. */
function deskMarket(command: Command): Command {
  return command
    .option('--catalog <dir>', 'imported data; with no market given, a generated one (SYNTHETIC)')
    .option('--at <time>', 'moment of the catalog, UTC; its last row when absent')
    .option('--bars <length>', 'length of the bars to read, where the catalog has several: 5m, 1h')
    .option('--chain <file>', 'a snapshot of a Deribit chain, CSV or CSV.gz, instead of a catalog')
    .option('--market <file>', 'figures of a market as JSON, instead of a catalog')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--out <dir>', 'where desk.html and desk.json go', 'out/desk')
}

/** Adds the options of every verb that asks about a book in a market. */
function deskBook(command: Command): Command {
  return deskMarket(command)
    .option('--book <file>', 'the book as JSON; an example made to fit the market when absent')
    .option('--example <file>', 'write the example book there, to start a book from')
}

/** What the operating system refuses a user; anything else it says is ours to have foreseen. */
const REFUSALS = new Set(['EACCES', 'EEXIST', 'EISDIR', 'ENOENT', 'ENOSPC', 'ENOTDIR', 'EPERM', 'EROFS'])

/** A file or folder the system would not let us use, as an error that says what to do; undefined for every other error. */
function refusedFile(error: unknown): GimbalError | undefined {
  const { code, syscall, path, message } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined || !REFUSALS.has(code)) return undefined
  const facts = { ...(path === undefined ? {} : { path }), reason: message }
  const remedy = 'name another place, or make this one usable'
  return new GimbalError('file-refused', 'A file or folder cannot be used', { ...facts, remedy }, { cause: error })
}

/** Runs a verb's action and turns whatever it throws into a message and an exit code. */
function act<O>(load: () => Promise<(terminal: Terminal, options: O, args: string[]) => Promise<Outcome>>) {
  return async (...given: unknown[]) => {
    const command = given.at(-1) as Command
    const options = command.opts<O & { json?: boolean }>()
    const terminal = new Terminal(options.json === true)
    try {
      const action = await load()
      process.exitCode = (await action(terminal, options, command.args)) ?? EXIT.ok
      // Who parses the answer of an interrupted command is to find one.
      if (process.exitCode === EXIT.interrupted && !terminal.answered) terminal.result({ interrupted: true })
    } catch (thrown) {
      const error = refusedFile(thrown) ?? thrown
      process.exitCode = EXIT.failed
      if (error instanceof GimbalError) {
        if (options.json) terminal.result({ error: { code: error.code, message: error.message, facts: error.facts } })
        terminal.notice(`gimbal ${command.name()}: ${error.message}`)
        if (error.code === 'argument-invalid' || error.code === 'config-invalid') process.exitCode = EXIT.usage
      } else {
        if (options.json) terminal.result({ error: { code: 'internal', message: String(error) } })
        terminal.notice(
          `gimbal ${command.name()}: this is a fault of gimbal; please report it with what follows\n${(error as Error)?.stack ?? error}`,
        )
      }
    }
  }
}

export function buildProgram(): Command {
  const program = new Command('gimbal')
    .description('Machine-learning trading of decentralised derivatives: one engine from recording to report.')
    .version(gimbalVersion())
    .showHelpAfterError('(gimbal <verb> --help explains a verb)')
    .exitOverride()

  verb(
    program,
    'demo',
    'Research on a generated or imported market, trade on it, and write two pages about it',
    'npm start -- --seed 7',
  )
    .option('--catalog <dir>', 'imported data to run on, instead of the generated market')
    .option('--bars <length>', 'length of the bars to run on, where the catalog has several: 5m, 1h')
    .option('--out <dir>', 'where the report goes', 'out/demo')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--minutes <n>', 'minutes of generated market; it crashes after three fifths of them', '240')
    .action(act(async () => (await import('./commands/demo.ts')).demo))

  verb(
    program,
    'import',
    'Bring foreign files into a catalog',
    'gimbal import btcusdt_20240718.jsonl.gz btcusdt_20240719.jsonl.gz --catalog catalog',
  )
    .argument('[files...]', 'files in the order they were recorded; several of one feed are chained')
    .option('--catalog <dir>', 'the catalog', 'catalog')
    .option('--importer <name>', 'format of the files; recognised when absent')
    .option('--list', 'list the formats and their options')
    .addOption(
      new Option('--option <key=value>', 'setting of the importer; repeatable').argParser(collect).default([], 'none'),
    )
    .option('--redo', 'replace imports made by an older version of the importer')
    .option('--rejects-max <percent>', 'refuse a file with more unreadable lines than this', '50')
    .action(act(async () => (await import('./commands/import.ts')).importFiles))

  verb(
    program,
    'fetch',
    'Download public history of a venue into a folder, ready to import',
    'gimbal fetch hyperliquid candles --coin BTC --interval 1h --from 2025-10-01 --to 2025-10-12 --out downloads',
  )
    .argument('[venue]', 'hyperliquid, deribit, dydx or binance-vision')
    .argument('[what]', 'kind of history; `gimbal fetch --list` shows them')
    .option('--list', 'list venues and kinds')
    .option('--coin <name>', 'the venue’s own name of the instrument or coin')
    .option('--interval <interval>', 'bar length, where it applies')
    .option('--from <time>', 'first moment, UTC')
    .option('--to <time>', 'moment after the last, UTC')
    .option('--out <dir>', 'folder for the downloads', 'downloads')
    .option('--base-url <url>', 'another server speaking the same protocol')
    .option('--rate <n>', 'requests per second at most')
    .action(act(async () => (await import('./commands/fetch.ts')).fetchHistory))

  verb(program, 'catalog', 'Show, verify or query a catalog', 'gimbal catalog show --catalog catalog')
    .argument('[action]', 'show, verify, imports, sql or hold-out', 'show')
    .argument('[query]', 'with sql: a query over the view `tape`; `describe tape` lists its columns')
    .option('--catalog <dir>', 'the catalog', 'catalog')
    .option('--name <name>', 'with hold-out: declare one under this name, for good; without, list those declared')
    .option('--from <time>', 'with hold-out: its first moment, UTC')
    .option('--to <time>', 'with hold-out: the moment after its last, UTC')
    .addOption(
      new Option('--instrument <id>', 'with hold-out: instrument it covers, `*` for any letters; repeatable')
        .argParser(collect)
        .default([], 'all'),
    )
    .action(act(async () => (await import('./commands/catalog.ts')).catalog))

  verb(
    program,
    'backtest',
    'Run a policy over a catalog',
    'gimbal backtest --catalog catalog --policy market-maker --instrument BTC-USDT-PERP@binance-usdm',
  )
    .requiredOption('--catalog <dir>', 'the catalog')
    .requiredOption('--policy <name>', 'a policy; `gimbal policies` lists them with their settings')
    .addOption(
      new Option('--instrument <id>', 'instrument to trade; repeatable; all of the catalog when absent')
        .argParser(collect)
        .default([], 'all'),
    )
    .addOption(
      new Option('--set <key=value>', 'setting of the policy, as `gimbal policies` lists them; repeatable')
        .argParser(collect)
        .default([], 'defaults'),
    )
    .addOption(
      new Option('--cash <currency=units>', 'opening balance; repeatable')
        .argParser(collect)
        .default([], '100,000 dollars’ worth'),
    )
    .option('--from <time>', 'first moment, UTC')
    .option('--to <time>', 'moment after the last, UTC')
    .option('--bars <length>', 'length of the bars to run on, where the catalog has several: 5m, 1h')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--queue <model>', 'queue model: risk-averse, power:N, power2:N, power3:N, log, log2', 'risk-averse')
    .option(
      '--latency <model>',
      'order latency: constant:ENTRY:RESPONSE in µs, or feed:MULTIPLIER of the recorded feed latency',
      'constant:20000:20000',
    )
    .addOption(new Option('--risk <key=value>', RISK_OPTION).argParser(collect).default([], 'defaults'))
    .addOption(
      new Option('--margin <venue=engine>', MARGIN_OPTION)
        .argParser(collect)
        .default([], 'the venue’s own rules, else the tiers it lists'),
    )
    .addOption(
      new Option('--model <name>', 'model to trade on, by name or identity; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--models <dir>', 'registry of models', 'models')
    .option('--shuffle-io', 'cut the tape into batches of random sizes; the result must not change')
    .option('--out <dir>', 'where journal and report go', 'out')
    .action(act(async () => (await import('./commands/backtest.ts')).backtest))

  studyData(
    verb(
      program,
      'features',
      'Record what can be told of a market into a dataset, and show it',
      'gimbal features --catalog catalog --target BTC-USDT-PERP@binance-usdm --every 5m --csv features.csv',
    ),
  )
    .option('--list', 'list the feature families with their settings')
    .option('--out <file>', 'keep the dataset')
    .option('--csv <file>', 'write the figures as CSV')
    .option('--check <n>', 'record again from n cut tapes: no figure may know the future')
    .action(act(async () => (await import('./commands/features.ts')).features))

  studyData(
    verb(
      program,
      'research',
      'From data to verdict: features, walk-forward, placebos, luck, trading with and without the model',
      'gimbal research --catalog catalog --bars 5m --target BTC-USDT-PERP@binance-usdm --forecast variance:1h',
    ),
  )
    .addOption(
      new Option('--forecast <quantity:horizon>', 'variance, volume or demand over a horizon; repeatable')
        .argParser(collect)
        .default([], 'what suits the data'),
    )
    .option('--configurations <n>', 'configurations of the learner to choose among', '4')
    .option('--windows <n>', 'windows of the walk-forward: the model is fitted anew for each', '6')
    .option('--first <share>', 'share of the history before the first forecast', '0.4')
    .option('--slide <share>', 'share of the history learnt from; 0 is everything so far', '0')
    .option(
      '--groups <n>',
      'groups of combinatorial purged cross-validation, two tested at a time; 0 leaves it out',
      '6',
    )
    .option('--no-placebos', 'leave out the placebos; nothing is claimed then')
    .option(
      '--check <n>',
      'record again from n cut tapes: no figure may know the future; 0 leaves it out, and nothing is claimed then',
      '2',
    )
    .addOption(new Option('--risk <key=value>', RISK_OPTION).argParser(collect).default([], 'defaults'))
    .option('--no-trade', 'leave out trading')
    .option('--threads <n>', 'threads the trees are grown on; the result is the same', '2')
    .option(
      '--models <dir>',
      'registry the models are written to: …-research is fitted to everything, …-research-walk is what was judged',
      'models',
    )
    .option('--hold-out <name>', 'judge on this declared hold-out too; catalog and ledger remember that it was opened')
    .option('--again', 'open a hold-out that was opened before; the report says so')
    .option('--out <dir>', 'where the report, the ledger and the datasets go', 'out/research')
    .action(act(async () => (await import('./commands/research.ts')).research))

  studyData(
    verb(
      program,
      'train',
      'Search for a learner, judge it on later data, and keep the model',
      'gimbal train --catalog catalog --bars 5m --forecast variance:1h --trials 40',
    ),
  )
    .option('--forecast <quantity:horizon>', 'variance, volume or demand over a horizon')
    .option('--trials <n>', 'configurations tried inside the first part of the history; 0 takes the default one', '20')
    .option('--method <name>', 'how they are proposed: random, tpe', 'tpe')
    .option('--queue <url>', 'let `gimbal worker`s take the trials from this Redis server: redis://127.0.0.1:6379')
    .option('--data <place>', 'where workers find datasets: a shared folder, or s3://bucket/prefix')
    .option('--windows <n>', 'windows of the walk-forward', '6')
    .option('--first <share>', 'share of the history before the first judged forecast', '0.4')
    .option('--threads <n>', 'threads; the result is the same', '2')
    .option('--models <dir>', 'registry the models are written to, under names that end in -train', 'models')
    .option('--out <dir>', 'where the ledger, the search and the datasets go', 'out/train')
    .action(act(async () => (await import('./commands/train.ts')).train))

  verb(
    program,
    'price',
    'Price options, a JSON line each: figures in, prices and Greeks or implied volatilities out',
    'gimbal price --right call --strike 90000 --forward 92000 --years 0.1 --volatility 0.55 --settle coin',
  )
    .argument('[files...]', 'JSON lines; standard input when absent, or one option in the flags below')
    .option('--right <right>', 'call or put')
    .option('--strike <price>', 'quote per base')
    .option('--forward <price>', 'price of the forward; or --spot')
    .option('--spot <price>', 'price now: Black-Scholes with --rate and --yield')
    .option('--years <n>', 'to expiry, of 365 days; or --expiry and --at')
    .option('--expiry <time>', 'UTC; a day alone means 08:00')
    .option('--at <time>', 'the time it is priced at, UTC')
    .option('--volatility <n>', 'a fraction a year: 0.55; or --price')
    .option('--price <n>', 'premium, whose implied volatility is wanted')
    .option('--rate <n>', 'continuously compounded, a fraction a year')
    .option('--yield <n>', 'of the base, for --spot')
    .option('--settle <how>', 'quote, or coin for coin-settled (inverse) options')
    .action(act(async () => (await import('./commands/price.ts')).price))

  deskMarket(
    verb(
      program,
      'surface',
      'Fit surfaces of volatility to chains of options, free of arbitrage, and show what they say',
      'gimbal surface --chain chain_20260105T153329Z.csv.gz --out out/desk',
    ),
  )
    .option('--asset <name>', 'only this one')
    .action(act(async () => (await import('./commands/surface.ts')).surface))

  deskBook(
    verb(
      program,
      'greeks',
      'Greeks of a book over venues: by asset, account, expiry and strike, and along the price',
      'gimbal greeks --catalog catalog --at 2026-01-05T15:30 --book book.json',
    ),
  )
    .option(
      '--strikes <how>',
      'buckets: delta, moneyness or strike; the first two with bounds: delta:0.25,0.75',
      'delta',
    )
    .option('--expiry-days <bounds>', 'buckets of days to expiry: 7,30,90; each expiry by itself when absent')
    .action(act(async () => (await import('./commands/greeks.ts')).greeks))

  verb(
    program,
    'hedge',
    'Sell variance over a catalog and hedge it several ways: what hedging takes, costs, and leaves unexplained',
    'gimbal hedge --catalog catalog --asset BTC --from 2026-01-01 --to 2026-02-01',
  )
    .option('--catalog <dir>', 'chains of options with bars of a perpetual; a generated market when absent')
    .option('--asset <name>', 'base asset of the options; the first that can be hedged when absent')
    .option('--from <time>', 'first moment, UTC')
    .option('--to <time>', 'moment after the last, UTC')
    .option('--bars <length>', 'length of the bars to run on, where the catalog has several: 5m, 1h')
    .option('--days <n>', 'days of generated market', '14')
    .option('--seed <n>', 'seed of everything random', '1')
    .addOption(
      new Option('--set <key=value>', 'setting of the policy variance-premium; repeatable')
        .argParser(collect)
        .default([], 'sell at any price'),
    )
    .addOption(
      new Option('--cash <currency=units>', 'opening balance; repeatable')
        .argParser(collect)
        .default([], '100,000 dollars’ worth'),
    )
    .addOption(new Option('--risk <key=value>', RISK_OPTION).argParser(collect).default([], 'defaults'))
    .option('--out <dir>', 'where runs, ledger and page go', 'out')
    .option('--book <file>', 'hedge this book now instead: perpetuals to trade, with costs and margin')
    .option('--chain <file>', 'with --book: the market, from a snapshot of a chain')
    .option('--market <file>', 'with --book: the market, from a file of figures')
    .option('--at <time>', 'with --book and --catalog: the moment, UTC; its last row when absent')
    .addOption(
      new Option('--target <asset=units>', 'with --book: delta wanted; repeatable').argParser(collect).default([], '0'),
    )
    .action(act(async () => (await import('./commands/hedge.ts')).hedge))

  deskBook(
    verb(
      program,
      'margin',
      'Margin of every account, its distance from liquidation, and the money that should move',
      'gimbal margin --book book.json --survive 30 --optimise --capital-rate 8 --sigmas 4',
    ),
  )
    .option('--survive <percent>', 'move of all coins, either way, that accounts are to survive', '20')
    .option('--transfer-fee <dollars>', 'what a withdrawal and a deposit cost, beside gas', '5')
    .option('--transfer-time <length>', 'how long they take', '30m')
    .option('--optimise', 'place perpetuals anew: the same deltas at the least cost of capital')
    .option('--capital-rate <percent>', 'with --optimise: what capital costs a year', '10')
    .option('--horizon <length>', 'with --optimise: over which cost of capital and funding are weighed', '7d')
    .option('--sigmas <n>', 'with --optimise: deviations of a day that accounts are to survive', '3')
    .action(act(async () => (await import('./commands/margin.ts')).margin))

  deskBook(
    verb(
      program,
      'stress',
      'Put a book through crashes by name or in words, with liquidations, and find the smallest that hurts',
      "gimbal stress --book book.json --scenario october-2025 --scenario 'spot BTC -30%, vol +20, depth x0.1'",
    ),
  )
    .addOption(
      new Option('--scenario <text>', 'by name, or in words; repeatable')
        .argParser(collect)
        .default([], 'all with a name'),
    )
    .option('--list', 'list the scenarios with a name')
    .option('--no-breakers', 'without protection: only venues act')
    .option('--tail-days <n>', 'days of the catalog before the moment that value at risk is taken from', '365')
    .action(act(async () => (await import('./commands/stress.ts')).stress))

  verb(program, 'models', 'List, show, compare, promote and retire models', 'gimbal models show btc-variance-1h')
    .argument('[action]', 'list, show, compare, promote or retire', 'list')
    .argument('[models...]', 'models by name or identity')
    .option('--models <dir>', 'the registry', 'models')
    .option('--who <person>', 'who answers for a decision')
    .option('--reason <text>', 'why')
    .action(act(async () => (await import('./commands/models.ts')).models))

  verb(program, 'ledger', 'Show every trial so far, by family', 'gimbal ledger --ledger out/trials.jsonl')
    .option('--ledger <file>', 'the ledger of trials', 'out/trials.jsonl')
    .option('--family <text>', 'only families whose name holds this')
    .option('--report <file>', 'say whether this report.json or research.json tells of no fewer trials than there were')
    .action(act(async () => (await import('./commands/ledger.ts')).ledger))

  verb(program, 'policies', 'List the policies with their settings, defaults and ranges', 'gimbal policies carry')
    .argument('[name]', 'one policy only')
    .action(act(async () => (await import('./commands/policies.ts')).policies))

  verb(
    program,
    'replay',
    'Feed a journal back and check that every decision comes out the same',
    'gimbal replay out/market-maker/journal --catalog catalog',
  )
    .argument('<journal>', 'journal directory')
    .option('--catalog <dir>', 'catalog of the tapes the journal refers to', 'catalog')
    .option('--models <dir>', 'registry of the models the run traded on', 'models')
    .action(act(async () => (await import('./commands/replay.ts')).replay))

  verb(
    program,
    'report',
    'Write the report of one or several runs again, side by side',
    'gimbal report out/market-maker out/carry --out comparison.html',
  )
    .argument('<runs...>', 'run directories or report.json files')
    .option('--out <file>', 'the page to write', 'report.html')
    .action(act(async () => (await import('./commands/report.ts')).report))

  verb(
    program,
    'paper',
    'Trade a live feed against a venue that costs nothing: the simulated one',
    'gimbal paper --venue ws://127.0.0.1:8790 --policy market-maker --journal out/paper/journal',
  )
    .requiredOption('--venue <url>', 'address of the simulated venue')
    .requiredOption('--policy <name>', 'a policy; `gimbal policies` lists them with their settings')
    .addOption(
      new Option('--set <key=value>', 'setting of the policy, as `gimbal policies` lists them; repeatable')
        .argParser(collect)
        .default([], 'defaults'),
    )
    .addOption(new Option('--risk <key=value>', RISK_OPTION).argParser(collect).default([], 'defaults'))
    .addOption(
      new Option('--margin <venue=engine>', MARGIN_OPTION)
        .argParser(collect)
        .default([], 'the venue’s own rules, else the tiers it lists'),
    )
    .option('--catalog <dir>', 'catalog the venue plays; its generated market when absent')
    .addOption(
      new Option('--model <name>', 'model to trade on, by name or identity; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--models <dir>', 'registry of models', 'models')
    .option('--account <name>', 'account at the venue; a second session of one ends the first', 'paper')
    .option('--journal <dir>', 'journal directory; continued when it exists', 'out/paper/journal')
    .addOption(
      new Option(
        '--reset <name[:scope]>',
        'put a tripped breaker back before trading; scope: account, venue=…, policy=…, position=INSTRUMENT; repeatable',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--who <person>', 'who answers for the reset')
    .option('--reason <text>', 'why it is safe to trade again')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--seconds <n>', 'stop by itself after this long')
    .action(act(async () => (await import('./commands/paper.ts')).paper))

  verb(program, 'venue', 'Serve a simulated venue on this machine', 'gimbal venue --port 8790 --speed 10')
    .option('--port <n>', 'port on 127.0.0.1', '8790')
    .option('--catalog <dir>', 'imported data to stream, instead of the generated market')
    .option('--hours <n>', 'hours of generated market', '24')
    .option('--speed <factor>', 'how many times faster than it happened', '1')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--seconds <n>', 'stop by itself after this long')
    .action(act(async () => (await import('./commands/venue.ts')).venue))

  verb(
    program,
    'worker',
    'Run trials of searches started elsewhere with --queue',
    'gimbal worker --queue redis://127.0.0.1:6379 --concurrency 2 --data /mnt/shared/datasets',
  )
    .option('--queue <url>', 'Redis server, redis:// or rediss://user:password@host:port; GIMBAL_QUEUE when absent')
    .option('--concurrency <n>', 'trials at once, each on a thread of its own; one a core when absent')
    .option('--data <place>', 'where datasets lie: a folder, or s3://bucket/prefix with the AWS_ variables set')
    .option('--seconds <n>', 'stop by itself after this long, when the trials under way are finished')
    .action(act(async () => (await import('./commands/worker.ts')).worker))

  verb(program, 'doctor', 'Check this installation and a catalog', 'gimbal doctor --catalog catalog')
    .option('--catalog <dir>', 'catalog to check too')
    .action(act(async () => (await import('./commands/doctor.ts')).doctor))
  return program
}

async function main(): Promise<void> {
  // Whoever reads has heard enough. Nobody reading progress is no reason to stop the work.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    process.stderr.write(`gimbal: what it says cannot be written: ${error.message}\n`)
    process.exit(EXIT.failed)
  })
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  try {
    await buildProgram().parseAsync(process.argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    process.exitCode = EXIT.usage
    // Whoever asked for data is answered in data, whatever was wrong with the asking.
    if (process.argv.includes('--json'))
      new Terminal(true).result({ error: { code: 'argument-invalid', message: error.message, facts: {} } })
  }
}

await main()
