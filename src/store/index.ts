/** @file What gimbal promises of its store: catalogs, imports, tapes. */

export {
  Catalog,
  type CatalogCheck,
  type CatalogEntry,
  type CatalogFinding,
  describeCatalog,
  verifyCatalog,
} from './catalog.ts'
export { FlatTape, type FlatTapeHeader, FlatTapeWriter, LoopedTape } from './flatTape.ts'
export { declareHoldOut, type HoldOut, holdOuts } from './holdOuts.ts'
export type { Importer, ImportOptions, ImportSink, Place, SketchedInstrument } from './importer.ts'
export {
  type ImportProgress,
  type ImportResult,
  type ImportSettings,
  recoverCatalog,
  runImport,
} from './importRun.ts'
export { type InputFile, inputMembers, openInput } from './inputFile.ts'
export { INSTRUMENT_TABLE, INSTRUMENT_TABLE_VERSION, knownInstrument } from './instrumentTable.ts'
export {
  type OpenedTapes,
  openTapes,
  STREAM_ORDER,
  type TapeLabel,
  type TapeSelection,
  type TapeSettings,
} from './openTapes.ts'
export { importId, type Manifest } from './provenance.ts'
