/** @file `gimbal train`: search for a learner inside the first part of the history, judge it on the rest, keep the model. */

import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { TreeThreads } from '../../models/trees/treeThreads.ts'
import { saveDataset } from '../../research/dataset.ts'
import { DEFAULT_LEARNER, type LearnerSpec } from '../../research/forecastLearner.ts'
import { type ResearchPlan, researchQuestion } from '../../research/researchRun.ts'
import { openDatasetStore } from '../../research/search/datasetStore.ts'
import { LEARNER_SPACE, learnerOf } from '../../research/search/forecastFit.ts'
import { QueueRunner } from '../../research/search/queue.ts'
import { runSearch, type SearchOutcome } from '../../research/search/search.ts'
import { ThreadRunner } from '../../research/search/threads.ts'
import { TrialLedger } from '../../research/trialLedger.ts'
import { questionOf, requireGrid, samplingFor } from '../investigation.ts'
import { wallClockUs } from '../paper.ts'
import { forecastFamily, forecastTrial, startColumns } from '../researchJob.ts'
import { finalModel, register, trainingsOf } from '../researchModels.ts'
import { openResults, requireThreads } from '../resultFolder.ts'
import { openStudyData, type StudyDataOptions } from '../studyData.ts'
import { recordWithRegimes, turbulenceModels, turbulenceNote } from '../studyRegimes.ts'
import { count, EXIT, interruptible, lengthOption, shareOption, type Terminal, wholeOption } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { storageAccess } from './worker.ts'

interface TrainOptions extends StudyDataOptions {
  readonly forecast?: string
  readonly trials: string
  readonly method: string
  readonly queue?: string
  readonly data?: string
  readonly windows: string
  readonly first: string
  readonly threads: string
  readonly out: string
  readonly models: string
}

/** Raised to leave the work when the user interrupts it. */
class Interrupted extends Error {}

const FOLDS = 4

export async function train(terminal: Terminal, options: TrainOptions): Promise<number> {
  if (!options.forecast)
    throw new GimbalError('argument-invalid', 'Say what is to be forecast: --forecast quantity:horizon', {
      example: 'gimbal train --catalog catalog --bars 5m --forecast variance:1h',
    })
  const question = questionOf(options.forecast)
  const trials = wholeOption(options.trials, '--trials', 0)
  const threads = wholeOption(options.threads, '--threads', 1)
  const windows = wholeOption(options.windows, '--windows', 1)
  const firstShare = shareOption(options.first, '--first', 0.05)
  const seed = wholeOption(options.seed, '--seed', 0)
  const everyUs = options.every ? lengthOption(options.every, '--every') : undefined
  if (!['random', 'tpe'].includes(options.method))
    throw new GimbalError('argument-invalid', 'No such method of search', {
      asked: options.method,
      known: 'random, tpe',
    })
  requireThreads(threads)
  const ledger = new TrialLedger(openResults(options.out, options.models))
  const store = openDatasetStore(options.data ?? join(options.out, 'datasets'), storageAccess())
  const study = await openStudyData(terminal, options)
  const samplingUs = everyUs ?? samplingFor(study, question.horizonUs)
  const stepUs = study.barUs || Math.min(1_000_000, question.horizonUs)
  requireGrid([question], stepUs)
  try {
    return await interruptible(async (signal) => {
      const wish = { samplingUs, stepUs, horizonUs: question.horizonUs }
      const recorded = await recordWithRegimes(terminal, study, options, wish, { firstShare, seed }, signal)
      if (!recorded) throw new Interrupted()
      const { dataset, regimes } = recorded
      const file = join(options.out, 'datasets', `${dataset.hash}.dataset`)
      saveDataset(dataset, file)
      await store.publish(file)
      const base = startColumns(question, dataset.table.names)
      const search = trials > 0 ? await searched() : undefined
      const learner: LearnerSpec = search?.best
        ? learnerOf(search.best.configuration)
        : { ...DEFAULT_LEARNER, baseColumns: base }
      const plan: ResearchPlan = {
        firstShare,
        windows,
        slideShare: 0,
        configurations: [learner],
        placebos: false,
        groups: 0,
        testGroups: 2,
        seed,
      }
      const pool = threads > 1 ? await TreeThreads.open(threads) : undefined
      try {
        const turn = async (text: string) => {
          terminal.progress(text)
          await new Promise((done) => setImmediate(done))
          if (signal.aborted) throw new Interrupted()
        }
        const result = await researchQuestion(dataset, question, plan, turn, pool)
        ledger.append(forecastTrial(dataset, result.trials[0]!, plan, 'fit', new Date().toISOString()))
        const turbulence =
          regimes && (await turbulenceModels(dataset, regimes, trainingsOf(result), seed, 'train', turn))
        const artifact = finalModel(dataset, result, { seed, madeBy: 'train', parents: [] })
        register(options.models, [artifact, ...(turbulence ? [turbulence.final] : [])])
        terminal.progress('', true)
        const own = result.skill.rows[0]!
        const rival = result.skill.rows.find((row) => row.name === result.best)!
        terminal.line(`${artifact.name}  ${artifact.id}  [${dataset.source.kind.toUpperCase()}]`)
        if (search)
          terminal.line(
            `  search  ${count(search.trials.length, 'trial')}${search.resumed > 0 ? `, ${search.resumed} of them from before` : ''}; best ${search.best?.result.score?.toFixed(4) ?? 'none'} by purged cross-validation of the first ${(100 * firstShare).toFixed(0)} %`,
          )
        terminal.line(
          `  judged  qlike ${own.loss.toFixed(4)} on ${count(result.skill.samples, 'sample')} after it; ${result.best} ${rival.loss.toFixed(4)} (t ${rival.dieboldMariano.toFixed(2)})`,
        )
        terminal.line(`  model   ${join(options.models, `${artifact.id}.model`)}`)
        if (turbulence) {
          terminal.line(`${turbulence.final.name}  ${turbulence.final.id}`)
          terminal.prose(
            `${turbulenceNote(turbulence, turbulence.final.name)} What is kept is fitted to all ${count(turbulence.final.trained.rows, 'return')}.`,
            2,
          )
        }
        terminal.line(`  next    gimbal models show ${artifact.id.slice(0, 12)} --models ${options.models}`)
        terminal.result({
          id: artifact.id,
          name: artifact.name,
          metrics: artifact.metrics,
          turbulence: turbulence
            ? {
                id: turbulence.final.id,
                name: turbulence.final.name,
                metrics: turbulence.final.metrics,
              }
            : null,
          skill: result.skill,
          search: search && { trials: search.trials.length, resumed: search.resumed, best: search.best },
        })
        return EXIT.ok
      } finally {
        pool?.close()
      }

      /** Trials on threads of this machine, or by workers anywhere. */
      async function searched(): Promise<SearchOutcome> {
        const clock = {
          get nowUs() {
            return wallClockUs()
          },
        }
        const runner = options.queue
          ? await QueueRunner.open({ url: options.queue })
          : new ThreadRunner({ clock, threads, datasets: store })
        try {
          const fixed = {
            quantity: question.quantity,
            horizonUs: question.horizonUs,
            baseColumns: base.join(' '),
            share: firstShare,
            folds: FOLDS,
            rounds: 600,
          }
          return await runSearch(
            {
              family: forecastFamily(dataset.features.target, dataset.source.dataHash),
              evaluator: 'forecast-fit',
              space: LEARNER_SPACE,
              fixed,
              method: { name: options.method as 'random' | 'tpe' },
              metric: 'qlike/search',
              trials,
              seed,
              dataHash: dataset.hash,
              version: gimbalVersion(),
            },
            runner,
            ledger,
            {
              out: options.out,
              clock,
              signal,
              onTrial: ({ number, result }, finished) =>
                terminal.progress(
                  `trial ${finished} of ${trials}: ${result.score?.toFixed(4) ?? 'not scored'} (number ${number})`,
                ),
            },
          )
        } catch (error) {
          // The search ends with the reason it was stopped for.
          if (signal.aborted) throw new Interrupted()
          throw error
        } finally {
          await runner.close()
        }
      }
    })
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    terminal.notice('interrupted; run it again to go on from the trials that are finished')
    return EXIT.interrupted
  }
}
