// Perform act
//
// Does one step: calls, events, subflows, functions of catalogs. What this control plane cannot do is refused with
// the reason, as a configuration error that a document can catch.

import type { Json } from '@tutti/core/resource'
import {
  type Outcome,
  type Protocol,
  standardError,
  type WorkflowError,
} from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { type ActContext, ActFailed } from './act.ts'
import { type ArtifactPorts, openArtifact, putArtifact } from './artifact-store.ts'
import { type AssetPorts, makeAsset, needAssets } from './assets.ts'
import { callA2a } from './call-a2a.ts'
import { callAsyncapi } from './call-asyncapi.ts'
import { callGrpc } from './call-grpc.ts'
import { callHttp, contentOf, httpArguments } from './call-http.ts'
import { callOpenapi } from './call-openapi.ts'
import type { Caller } from './caller.ts'
import type { Egress, Reach } from './egress.ts'
import { embed, type Inference, infer } from './infer.ts'
import { anyStart, type JudgeStart } from './judge-start.ts'
import { Later } from './later.ts'
import { noteLineage } from './lineage.ts'
import { performProcess } from './perform-process.ts'
import type { Act } from './resident-run.ts'
import { publishEvent } from './signal.ts'
import type { StartRequest } from './start-request.ts'

export interface PerformPorts {
  readonly sql: Sql
  /** Where artifacts are kept; absent: steps that need it are refused. */
  readonly blobs?: ArtifactPorts['blobs']
  readonly egress: Egress
  readonly reach: Reach
  readonly start: (request: StartRequest) => Promise<string>
  /** The newest version of a workflow; null where there is none. */
  readonly newest: (of: Omit<StartRequest, 'version' | 'input'>) => Promise<string | null>
  /** How a run ended; null where it has not. */
  readonly outcome: (id: string) => Promise<Outcome | null>
  /** Where `tutti.infer` asks; null where no gateway is known. */
  readonly inference: () => Inference | null
  readonly nowMs: () => number
  /** Whether nodes come here for processes to run; absent: they are refused. */
  readonly hasNodes?: boolean
  /** Who says what runs may start, as subflows and to make assets; absent: anything they name. */
  readonly mayStart?: AssetPorts['judge']
}

export function performer(ports: PerformPorts) {
  return async (act: Act, context: ActContext): Promise<Json> => {
    const { action } = act
    const idempotencyKey = `${context.head.id}${act.key}`
    const { egress, reach } = ports
    const { project } = context.head
    const caller: Caller = {
      ...{ egress, reach, signal: context.signal, idempotencyKey },
      ...keeperOf(ports, act, context),
      open: async (reference) => await openArtifact(storeOf(ports), project, reference),
      noteModel: (subject) =>
        noteLineage(
          ports.sql,
          { run: context.head, key: act.key, kind: 'uses', subject },
          ports.nowMs(),
        ),
    }
    switch (action.type) {
      case 'call':
        return await callOver(action.protocol, action.arguments, caller)
      case 'emit': {
        await publishEvent(ports.sql, project, action.event, ports.nowMs())
        return action.event
      }
      case 'workflow':
        return await startSubflow(ports, act, context)
      case 'function':
        return await callFunction(ports, action, caller)
      case 'process':
        if (ports.hasNodes !== true) {
          const what = `a ${action.process} runs on a node that allows it by policy`
          throw refuse(`${what}, and no node here does`)
        }
        return await performProcess(ports, { action, key: act.key }, context, caller)
      case 'need-assets':
        return await needAssets(assetsOf(ports), { ...action, key: act.key }, context)
      case 'make-asset':
        return await makeAsset(assetsOf(ports), { ...action, key: act.key }, context.head)
    }
  }
}

/** Of calls over HTTP an artifact goes into the store as it comes. */
function keeperOf(ports: PerformPorts, { action, keep }: Act, { head }: ActContext) {
  if (action.type !== 'call' || action.protocol !== 'http' || keep?.artifact == null) return {}
  const { name, mediaType: wanted } = keep.artifact
  return {
    keep: async (chunks: AsyncIterable<Uint8Array>, mediaType: string): Promise<Json> => {
      const how = { name, mediaType: wanted ?? mediaType }
      return { ...(await putArtifact(storeOf(ports), head.project, chunks, how)) }
    },
  }
}

function assetsOf({ sql, nowMs, mayStart }: PerformPorts): AssetPorts {
  return { sql, nowMs, judge: mayStart ?? anyStart }
}

function storeOf({ sql, blobs }: PerformPorts): ArtifactPorts {
  if (blobs === undefined) throw refuse('this engine has no store for artifacts')
  return { sql, blobs }
}

async function callOver(protocol: Protocol, args: Json, caller: Caller): Promise<Json> {
  switch (protocol) {
    case 'http': {
      const parsed = httpArguments.safeParse(args)
      if (!parsed.success) throw refuse(`the call is not complete: ${parsed.error.message}`)
      return await callHttp(parsed.data, caller)
    }
    case 'openapi':
      return await callOpenapi(args, caller)
    case 'grpc':
      return await callGrpc(args, caller)
    case 'asyncapi':
      return await callAsyncapi(args, caller)
    case 'mcp':
      return await (await import('./call-mcp.ts')).callMcp(args, caller) // the SDK is heavy
    case 'a2a':
      return await callA2a(args, caller)
  }
}

async function callFunction(
  { inference }: PerformPorts,
  { name, arguments: args }: { readonly name: string; readonly arguments: Json },
  caller: Caller,
): Promise<Json> {
  switch (name) {
    case 'tutti.infer':
      return await infer(inference(), args, caller)
    case 'tutti.embed':
      return await embed(inference(), args, caller)
    default:
      return await fetchFunction(name, args, caller)
  }
}

/** The subflow's id follows from the step: asked for twice it is started once. */
async function startSubflow(ports: PerformPorts, act: Act, context: ActContext): Promise<Json> {
  const { action } = act
  if (action.type !== 'workflow') return null
  const { project, id } = context.head
  const { namespace, name, input, isAwaited } = action
  const named = { project, namespace, name }
  const version = action.version === 'latest' ? await ports.newest(named) : action.version
  if (version === null) throw refuse(`there is no workflow ${namespace}/${name}`)
  const parent = isAwaited ? { run: id, key: act.key } : null
  const refused = await whyNoSubflow(ports, { ...named, version }, `${id}${act.key}`)
  if (refused !== null) throw new ActFailed(refused)
  const child = await ports.start({ ...named, version, input, parent, id: `${id}${act.key}` })
  if (!isAwaited) return null
  const outcome = await ports.outcome(child)
  if (outcome === null) throw new Later()
  // Asked again after a crash: what it said meanwhile may have been lost with us.
  if (outcome.status === 'completed') return outcome.output
  throw outcome.status === 'faulted' ? new ActFailed(outcome.error) : refuse('it was cancelled')
}

/** One that has been started, before a crash, goes on. */
async function whyNoSubflow(
  { sql, mayStart }: PerformPorts,
  of: Parameters<JudgeStart>[1],
  id: string,
): Promise<WorkflowError | null> {
  const judge = await mayStart?.()
  const verdict = (await judge?.(sql, of)) ?? { ok: true }
  if (verdict.ok) return null
  const [begun] = await sql`select 1 from workflow_run where id = ${id}`
  return begun === undefined ? verdict.error : null
}

async function fetchFunction(name: string, where: Json, caller: Caller): Promise<Json> {
  const { endpoint, function: reference } = membersOf(where)
  if (typeof endpoint !== 'string') throw refuse(`there is no function ${name}`)
  const [functionName, version] = typeof reference === 'string' ? reference.split(':') : []
  const root = endpoint.replace(/\/$/, '')
  const url =
    functionName === undefined
      ? endpoint
      : `${root}/functions/${functionName}/${version ?? 'latest'}/function.json`
  const { signal } = caller
  const headers = { accept: 'application/json' }
  const answer = await caller.egress({ method: 'GET', url, headers, body: null, signal })
  if (answer.status !== 200) throw refuse(`${url} answered ${answer.status}`)
  return contentOf({ ...answer, headers: { 'content-type': 'application/json' } })
}

function membersOf(value: Json): { readonly [key: string]: Json } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}

function refuse(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
