/** @file The models of a run: from the registry, by the identities its plan names. */

import { ArtifactForecaster } from '../models/artifact.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import { ModelRegistry } from '../models/modelRegistry.ts'

/**
 * Identities of the models asked for by name or identity, each once.
 *
 * @throws {GimbalError} `model-unknown`, `model-invalid`.
 */
export function modelIds(asked: readonly string[], folder: string): string[] {
  const registry = new ModelRegistry(folder)
  return [...new Set(asked.map((each) => registry.find(each).artifact.id))]
}

/** What `buildEngine` wants for a plan's models. @throws {GimbalError} `model-unknown`, `model-invalid`, `schema-mismatch`. */
export function loadForecasters(ids: readonly string[] | undefined, folder: string): { forecasters?: Forecaster[] } {
  if (!ids || ids.length === 0) return {}
  const registry = new ModelRegistry(folder)
  return { forecasters: ids.map((id) => new ArtifactForecaster(registry.find(id).artifact)) }
}
