/**
 * @file Which part of a run its models were trained on: a result on that part says nothing about what comes.
 *
 * A model alone has answered for ever, its own training included. Fits of a walk have not: each answers later than all it learnt
 * from was known.
 */

import { isoTime } from '../core/clock.ts'
import { type Artifact, ArtifactForecaster } from '../models/artifact.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import type { DataKind } from '../report/runReport.ts'

/** The part of a run that lies inside one model's training. */
export interface InSample {
  readonly model: string
  readonly id: string
  readonly fromUs: number
  readonly toUs: number
  /** Of the run's time, above 0; 1 is all of it. */
  readonly share: number
}

/**
 * By time and kind of data: another slice, or another instrument, of the same days is no other sample. What was generated says
 * nothing of days that were recorded, nor the other way.
 *
 * @param kind Of the data of the run, from `fromUs` to `toUs`.
 */
export function inSample(
  forecasters: readonly Forecaster[],
  kind: DataKind,
  fromUs: number,
  toUs: number,
): readonly InSample[] {
  return forecasters.flatMap((forecaster) => {
    if (!(forecaster instanceof ArtifactForecaster)) return []
    const { artifact } = forecaster
    const { trained, model } = artifact
    if (model.kind === 'sequence' || (trained.dataKind === 'synthetic') !== (kind === 'synthetic')) return []
    const from = Math.max(fromUs, trained.fromUs)
    const to = Math.min(toUs, knownUs(artifact))
    if (from > to) return []
    const share = toUs > fromUs ? (to - from) / (toUs - fromUs) : 1
    return share > 0 ? [{ model: artifact.name, id: artifact.id, fromUs: from, toUs: to, share }] : []
  })
}

/** When the last label it learnt from was known. */
function knownUs({ trained, horizonUs }: Artifact): number {
  return trained.toUs + horizonUs
}

/** What a title says of it; '' where nothing is in sample. */
export function inSampleTitle(parts: readonly InSample[]): string {
  if (parts.length === 0) return ''
  return parts.some(({ share }) => share === 1) ? ', IN SAMPLE' : ', partly in sample'
}

/** For people: which part, and what it means. */
export function inSampleSentence({ model, id, fromUs, toUs, share }: InSample): string {
  const day = (us: number) => isoTime(us).slice(0, 16)
  const part =
    share === 1
      ? 'THE WHOLE RUN lies inside its training'
      : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % of the run lies inside its training, ${day(fromUs)} to ${day(toUs)}`
  return `${model} ${id.slice(0, 12)}: ${part}: it knew what came, and that part is no evidence of anything`
}
