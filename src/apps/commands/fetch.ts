/** @file `gimbal fetch`: public history of venues into a folder, ready to import. */

import { AwsClient } from 'aws4fetch'
import { GimbalError } from '../../core/errors.ts'
import { download, HistoryClient } from '../../venues/history/history.ts'
import { HISTORY, historyKind } from '../../venues/history/kinds.ts'
import { EXIT, interruptible, numberOption, type Terminal, thousands, timeOption } from '../terminal.ts'

interface FetchOptions {
  readonly list?: boolean
  readonly coin?: string
  readonly interval?: string
  readonly from?: string
  readonly to?: string
  readonly out: string
  readonly baseUrl?: string
  readonly rate?: string
}

/** The archive of Hyperliquid lets the requester pay, so requests are signed with the user's own AWS keys. */
function requesterPays(): (request: Request) => Promise<Request> {
  const accessKeyId = process.env['AWS_ACCESS_KEY_ID']
  const secretAccessKey = process.env['AWS_SECRET_ACCESS_KEY']
  if (!accessKeyId || !secretAccessKey) {
    throw new GimbalError(
      'fetch-failed',
      'This archive is paid for by whoever downloads it, and needs AWS credentials',
      {
        set: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment',
      },
    )
  }
  const sessionToken = process.env['AWS_SESSION_TOKEN']
  const aws = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken ? { sessionToken } : {}),
    service: 's3',
    region: 'ap-northeast-1',
  })
  return (request) => aws.sign(request, { headers: { 'x-amz-request-payer': 'requester' } })
}

export async function fetchHistory(terminal: Terminal, options: FetchOptions, args: string[]): Promise<number> {
  if (options.list || args.length === 0) {
    terminal.table(
      ['venue', 'what', 'summary'],
      HISTORY.map(({ venue, what, summary }) => [venue, what, summary]),
    )
    terminal.result(HISTORY.map(({ venue, what, summary, needsInterval }) => ({ venue, what, summary, needsInterval })))
    return EXIT.ok
  }
  const kind = historyKind(args[0]!, args[1] ?? '')
  for (const name of ['coin', 'from', 'to'] as const) {
    if (!options[name])
      throw new GimbalError('argument-invalid', `gimbal fetch needs --${name}`, {
        example: '--coin BTC --from 2025-10-01 --to 2025-10-12',
      })
  }
  const request = {
    coin: options.coin!,
    interval: kind.needsInterval ? (options.interval ?? '') : '',
    fromUs: timeOption(options.from!, '--from'),
    toUs: timeOption(options.to!, '--to'),
  }
  return interruptible(async (signal) => {
    const client = new HistoryClient({
      baseUrl: options.baseUrl ?? kind.baseUrl,
      rate: options.rate ? numberOption(options.rate, '--rate', 0.001) : kind.rate,
      signal,
      ...(kind.what === 'archive' && !options.baseUrl ? { sign: requesterPays() } : {}),
    })
    try {
      const result = await download(kind, client, request, options.out, (text) => terminal.progress(text))
      terminal.progress('', true)
      const unit = 'files' in kind ? 'files' : 'rows'
      terminal.line(
        `${thousands(result.rows)} ${unit} in ${thousands(client.requests)} requests (${client.retries} repeated)${result.resumed ? ', continued where an earlier download stopped' : ''}`,
      )
      if (result.skipped > 0) terminal.line(`${thousands(result.skipped)} complete already, not asked for again`)
      for (const path of result.missing) terminal.line(`the venue has no ${path}`)
      if (result.files.length > 0) terminal.line('Next:')
      for (const file of result.files.slice(0, 3)) terminal.line(`  ${kind.importCommand(request, file)}`)
      if (result.files.length > 3) terminal.line(`  … and so on for ${thousands(result.files.length - 3)} more files`)
      terminal.result({
        ...result,
        requests: client.requests,
        retries: client.retries,
        import: result.files.map((file) => kind.importCommand(request, file)),
      })
      return result.files.length === 0 ? EXIT.found : EXIT.ok
    } catch (error) {
      if (!signal.aborted) throw error
      terminal.notice('interrupted; the same command goes on where it stopped')
      return EXIT.interrupted
    }
  })
}
