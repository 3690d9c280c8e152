// Engine ports
//
// What an engine needs of the process that it runs in.

import type { Json } from '@tutti/core/resource'
import type { Program } from '@tutti/core/workflow'
import type { News } from '../news.ts'
import type { Sql } from '../store/index.ts'
import type { ActContext } from './act.ts'
import type { RunSurroundings } from './open-resident.ts'
import type { Act } from './resident-run.ts'
import type { RunHead } from './run-head.ts'
import type { StartRequest } from './start-request.ts'

export interface EnginePorts {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
  /** The program of a version; throws where there is none. */
  readonly program: (
    of: Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'>,
  ) => Promise<Program>
  readonly surroundings: (project: string) => Promise<RunSurroundings>
  /** Whether the run waits in a queue, which starts it later; absent: none does. */
  readonly queue?: (request: StartRequest, id: string, program: Program) => Promise<boolean>
  /** Does one step; throws `ActFailed` with the error that the step raises. */
  readonly act: (act: Act, context: ActContext) => Promise<Json>
  readonly nowMs: () => number
  readonly onTrouble: (what: string, error: unknown) => void
  /** Told of a run when its journal has grown; absent: nobody listens. */
  readonly onWritten?: (run: string) => void
  /** Called when the engine was fenced: its process is to start another one. */
  readonly onFenced: () => void
}
