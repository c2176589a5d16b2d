/** @file What the journal promises to outsiders: writing, reading and verifying. */

export { type Durability, FileJournal, type FileJournalOptions } from './fileJournal.ts'
export {
  type AccountMark,
  canonicalJson,
  type JournalHeader,
  type Json,
  type RowMode,
  type TapeIdentity,
} from './header.ts'
export { type Journal, NoJournal } from './journal.ts'
export {
  JournalReader,
  type JournalRecord,
  type JournalSummary,
  type LinkRecord,
  type TornTail,
  verifyJournal,
} from './journalReader.ts'
