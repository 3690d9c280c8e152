// Upgrade resident
//
// Takes a run in memory to another version of its document, where the two agree on all that is in its journal. Its engine does
// so itself, so that nobody else writes meanwhile; the version changes in the transaction that takes the wish away.

import {
  type Agreement,
  agreeUpTo,
  type Entry,
  type Program,
  type Surroundings,
} from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { loadJournals } from './load-runs.ts'
import type { ResidentRun } from './resident-run.ts'
import type { RunHead } from './run-head.ts'
import type { Signal } from './signal.ts'

export type UpgradeSignal = Extract<Signal, { kind: 'upgrade' }>

export interface AgreementPorts {
  readonly sql: Sql
  readonly program: (
    of: Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'>,
  ) => Promise<Program>
  readonly surroundings: (project: string) => Promise<Surroundings>
}

/** Holds as long as the run has so many entries. */
export type CountedAgreement = Agreement & { readonly entryCount: number }

/** Null where the run goes on while it is looked at. */
export async function agreementOf(
  ports: AgreementPorts,
  run: ResidentRun,
  version: string,
): Promise<CountedAgreement | null> {
  const { head } = run
  const [before, after, surroundings] = await Promise.all([
    ports.program(head),
    ports.program({ ...head, version }),
    ports.surroundings(head.project),
  ])
  const journal = (await loadJournals(ports.sql, [head.id])).get(head.id)
  if (journal?.head.length !== run.entryCount || head.version !== run.head.version) return null
  const agreement = agreeUpTo(before, after, journal.entries, surroundings)
  return { ...agreement, entryCount: run.entryCount }
}

/** The entry that says so; none where the documents differ, or it has that version already. */
export function upgrade(
  run: ResidentRun,
  agreement: Agreement,
  { version, by }: UpgradeSignal,
  atMs: number,
): readonly Entry[] {
  const { version: from } = run.head
  if (!agreement.agrees || from === version) return []
  run.goOnWith(agreement.machine, version)
  return [{ kind: 'upgraded', atMs, from, to: version, by }]
}
