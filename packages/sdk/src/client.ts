// Client
//
// The control plane's API as typed calls. Every method either gives what the API answered or throws a
// `Failure` that says why not, in the API's own words.

import { open } from 'node:fs/promises'
import type { Json } from '@tutti/core/resource'
import { z } from 'zod'
import * as answers from './answers.ts'
import { Failure } from './failure.ts'
import { followEvents, type RunEvent } from './follow-events.ts'
import { jsonOf, refusalOf } from './read-answer.ts'
import type { RunFilter } from './run-filter.ts'
import { type BlobFile, saveDownload } from './save-download.ts'

export interface ClientOptions {
  /** `http://127.0.0.1:7070` */
  readonly url: string
  /** Secret of a Key. */
  readonly key: string
  readonly project?: string
  /** Told once of a question that nobody has answered after this time; it is waited for. */
  readonly onSilence?: (ms: number) => void
}

export interface ResourceRef {
  /** A kind, its plural or short name. */
  readonly kind: string
  readonly name: string
  readonly project?: string | undefined
}

const silenceMs = 5_000 // what is asked is answered in less, but of one that is stopped or overrun
const pageMax = 500
const chunkBytes = 8 * 2 ** 20 // one chunk lost costs a second on a slow line
const resumesMax = 10

/**
 * @example
 * const client = new Client({ url: 'http://127.0.0.1:7070', key })
 * const deployments = await client.list('deployments')
 */
export class Client {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = { ...options, url: options.url.replace(/\/$/, '') }
  }

  async whoami() {
    return await this.#call(answers.whoami, 'GET', '/whoami')
  }

  /** What requests used and cost; absent, `project` means all that the key may read. */
  async usage(of: {
    /** project, key, route, model, day, hour */
    readonly by: readonly string[]
    readonly sinceMs: number
    readonly untilMs?: number
    readonly project?: string
  }): Promise<answers.UsageAnswer> {
    const query = {
      ...{ by: of.by.join(','), since: String(of.sinceMs) },
      ...(of.untilMs === undefined ? {} : { until: String(of.untilMs) }),
      ...(of.project === undefined ? {} : { project: of.project }),
    }
    return await this.#call(answers.usage, 'GET', '/usage', { query })
  }

  /** What was asked and answered, where the Route keeps it; the newest of this id first. */
  async keptRequests(id: string, project?: string): Promise<answers.KeptRequestsAnswer> {
    const query = this.#inProject(project)
    const path = `/requests/${encodeURIComponent(id)}`
    return await this.#call(answers.keptRequests, 'GET', path, { query })
  }

  /** Gateways that follow the control plane now, and which snapshot each serves from. */
  async gateways(): Promise<answers.GatewaysAnswer> {
    return await this.#call(answers.gateways, 'GET', '/gateways', {})
  }

  async get({ kind, name, project }: ResourceRef): Promise<answers.ResourceAnswer> {
    const path = `/${kind}/${encodeURIComponent(name)}`
    return await this.#call(answers.resource, 'GET', path, { query: this.#inProject(project) })
  }

  /** All resources of a kind, page by page. */
  async list(
    kind: string,
    filter: { readonly project?: string | undefined; readonly labels?: string | undefined } = {},
  ): Promise<answers.ResourceAnswer[]> {
    const items: answers.ResourceAnswer[] = []
    let next: string | undefined
    do {
      const query = {
        limit: String(pageMax),
        ...(filter.project === undefined ? {} : { project: filter.project }),
        ...(filter.labels === undefined ? {} : { labelSelector: filter.labels }),
        ...(next === undefined ? {} : { continue: next }),
      }
      const page = await this.#call(answers.resourceList, 'GET', `/${kind}`, { query })
      items.push(...page.items)
      next = page.continue
    } while (next !== undefined)
    return items
  }

  /** Applies one resource document; with `dryRun` says only what would happen. */
  async apply(
    ref: ResourceRef,
    document: unknown,
    options: { readonly dryRun?: boolean } = {},
  ): Promise<answers.ChangeAnswer> {
    const path = `/${ref.kind}/${encodeURIComponent(ref.name)}`
    const query = { ...this.#inProject(ref.project), ...dryRunOf(options) }
    return await this.#call(answers.changeAnswer, 'PUT', path, { query, body: document })
  }

  async delete(
    ref: ResourceRef,
    options: { readonly dryRun?: boolean } = {},
  ): Promise<answers.ChangeAnswer> {
    const path = `/${ref.kind}/${encodeURIComponent(ref.name)}`
    const query = { ...this.#inProject(ref.project), ...dryRunOf(options) }
    return await this.#call(answers.changeAnswer, 'DELETE', path, { query })
  }

  /** Adds a signed approval; see `approvalStatement` in core for what is signed. */
  async approve(
    name: string,
    signed: { readonly statement: string; readonly signature: string },
    project?: string,
  ): Promise<answers.ChangeAnswer> {
    const path = `/approvals/${encodeURIComponent(name)}/approve`
    const query = this.#inProject(project)
    return await this.#call(answers.changeAnswer, 'POST', path, { query, body: signed })
  }

  /** Says no to a change that waits, or takes one's own back: the Approval is void from then on. */
  async reject(name: string, reason = '', project?: string): Promise<answers.RejectAnswer> {
    const path = `/approvals/${encodeURIComponent(name)}/reject`
    const query = this.#inProject(project)
    return await this.#call(answers.rejectAnswer, 'POST', path, { query, body: { reason } })
  }

  /** A token that lets one machine join, once. */
  async makeToken(request: {
    readonly labels?: Readonly<Record<string, string>>
    readonly expiresInMs?: number
  }) {
    return await this.#call(answers.tokenAnswer, 'POST', '/tokens', { body: request })
  }

  async checkpoint() {
    return await this.#call(answers.checkpointAnswer, 'GET', '/ledger/checkpoint')
  }

  /** Ledger entries from an index up to, not including, another; a page at a time. */
  async ledgerEntries(from: number, until: number) {
    const query = { from: String(from), until: String(until) }
    const page = await this.#call(answers.ledgerEntries, 'GET', '/ledger/entries', { query })
    return page.items
  }

  async proveRecord(resource: string) {
    return await this.#call(answers.entryProof, 'GET', '/ledger/prove', { query: { resource } })
  }

  /** Uploads a file under its digest; goes on where an earlier try stopped. */
  async upload(file: BlobFile, onProgress: (bytes: number) => void = () => {}): Promise<void> {
    const path = `/blobs/${file.digest}`
    let offset = await this.#uploadedBytes(path)
    if (offset === 'complete') return onProgress(file.sizeBytes)
    const handle = await open(file.path, 'r')
    try {
      for (let resumes = 0; resumes < resumesMax; ) {
        const length = Math.min(chunkBytes, file.sizeBytes - offset)
        const { buffer } = await handle.read(Buffer.alloc(length), 0, length, offset)
        const last = offset + length - 1
        const range = `bytes ${offset}-${Math.max(offset, last)}/${file.sizeBytes}`
        const answer = await this.#send('PUT', path, {
          query: this.#inProject(undefined),
          bytes: buffer,
          headers: { 'content-range': range },
        })
        const body = answers.uploadAnswer.safeParse(await answer.json())
        if (!answer.ok || !body.success) {
          if (answer.status !== 409) throw refusalOf(answer.status, body.data ?? null)
          resumes += 1
          const there = await this.#uploadedBytes(path)
          if (there === 'complete') return
          offset = there
          continue
        }
        onProgress(body.data.uploadedBytes)
        if (body.data.complete) return
        offset = body.data.uploadedBytes
      }
    } finally {
      await handle.close()
    }
    const message = `the upload of ${file.digest} did not get ahead after ${resumesMax} tries`
    throw new Failure('sdk/upload-stuck', message)
  }

  /** Brings a blob to `file.path`, every byte verified; goes on where an earlier try stopped. */
  async download(file: BlobFile, onProgress: (bytes: number) => void = () => {}): Promise<void> {
    const query = this.#inProject(undefined)
    const ask = async (offset: number) => {
      const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {}
      const answer = await this.#send('GET', `/blobs/${file.digest}`, { query, headers })
      if (answer.status === (offset > 0 ? 206 : 200)) return answer
      throw refusalOf(answer.status, await jsonOf(answer))
    }
    await saveDownload(file, ask, onProgress)
  }

  async #uploadedBytes(path: string): Promise<number | 'complete'> {
    const query = this.#inProject(undefined)
    const answer = await this.#send('GET', path, { query, headers: { range: 'bytes=0-0' } })
    if (answer.ok) {
      await answer.arrayBuffer()
      return 'complete'
    }
    const body = z
      .looseObject({ error: z.looseObject({ uploadedBytes: z.int().default(0) }) })
      .safeParse(await jsonOf(answer))
    if (answer.status === 416) return 'complete' // an empty file is there
    if (answer.status !== 404) throw refusalOf(answer.status, body.data ?? null)
    return body.success ? body.data.error.uploadedBytes : 0
  }

  /** Starts a run of a workflow: `NAMESPACE.NAME`, or with `:VERSION` that version. */
  async startRun(
    workflow: string,
    request: { readonly input?: unknown; readonly labels?: Readonly<Record<string, string>> } = {},
  ) {
    const path = `/workflows/${encodeURIComponent(workflow)}/runs`
    const query = this.#inProject(undefined)
    return await this.#call(answers.startedRun, 'POST', path, { query, body: request })
  }

  /**
   * Runs, the newest first: `limit` of them, or 50; `after` the run with that cursor. Whatever
   * begins meanwhile, none comes twice and none is left out.
   */
  async runs(filter: RunFilter & { readonly limit?: number; readonly after?: string } = {}) {
    const { limit = 50, after, ...rest } = filter
    const runs: z.infer<typeof answers.runList>['items'] = []
    for (let next: string | null = after ?? null; ; ) {
      const query = {
        ...{ ...this.#inProject(undefined), ...textsOf(rest) },
        limit: String(Math.min(pageMax, limit - runs.length)),
        ...(next === null ? {} : { after: next }),
      }
      const page = await this.#call(answers.runList, 'GET', '/runs', { query })
      runs.push(...page.items)
      next = page.next
      if (next === null || runs.length >= limit) return runs
    }
  }

  async run(id: string) {
    return await this.#call(answers.runDetail, 'GET', `/runs/${encodeURIComponent(id)}`)
  }

  async cancelRun(id: string, reason: string) {
    const path = `/runs/${encodeURIComponent(id)}/cancel`
    return await this.#call(answers.runRef, 'POST', path, { body: { reason } })
  }

  /** A new run that goes on from the step at which this one failed. */
  async retryRun(id: string) {
    const path = `/runs/${encodeURIComponent(id)}/retry`
    return await this.#call(answers.runRef, 'POST', path, { body: {} })
  }

  /** Begins no further step of a run until it is resumed. */
  async pauseRun(id: string) {
    const path = `/runs/${encodeURIComponent(id)}/pause`
    return await this.#call(answers.runRef, 'POST', path, { body: {} })
  }

  async resumeRun(id: string) {
    const path = `/runs/${encodeURIComponent(id)}/resume`
    return await this.#call(answers.runRef, 'POST', path, { body: {} })
  }

  /** A new run that goes on from where a task of this one began, with another input if given. */
  async forkRun(id: string, point: { readonly from: string; readonly input?: unknown }) {
    const path = `/runs/${encodeURIComponent(id)}/fork`
    return await this.#call(answers.runRef, 'POST', path, { body: point })
  }

  /** Starts runs for ticks of the past, some at a time. Times are ISO 8601. */
  async backfill(
    workflow: string,
    request: {
      readonly from?: string
      readonly until?: string
      /** Of a workflow that has partitions; absent: those of the time, or all keys. */
      readonly partitions?: readonly string[]
      readonly concurrency?: number
      readonly input?: unknown
    },
  ) {
    const path = `/workflows/${encodeURIComponent(workflow)}/backfill`
    const query = this.#inProject(undefined)
    return await this.#call(answers.backfill, 'POST', path, { query, body: request })
  }

  /** What a run's steps used and made: model versions, artifacts. */
  async lineage(run: string) {
    const path = `/runs/${encodeURIComponent(run)}/lineage`
    return (await this.#call(answers.lineage, 'GET', path)).items
  }

  /** What runs have made for other runs: the newest version of each partition. */
  async assets(name?: string) {
    const query = { ...this.#inProject(undefined), ...(name === undefined ? {} : { name }) }
    return (await this.#call(answers.assetList, 'GET', '/assets', { query })).items
  }

  /** The versions of one partition of an asset, each with what it was made of and who read it. */
  async asset(name: string, partition = '') {
    const query = { ...this.#inProject(undefined), partition }
    const path = `/assets/${encodeURIComponent(name)}`
    return (await this.#call(answers.asset, 'GET', path, { query })).versions
  }

  /** A run as events of OpenLineage. */
  async openLineage(run: string) {
    const path = `/runs/${encodeURIComponent(run)}/openlineage`
    return (await this.#call(answers.eventList, 'GET', path)).items
  }

  /** What a run has been through, as CloudEvents of the Open Workflow Specification. */
  async lifecycle(run: string) {
    const path = `/runs/${encodeURIComponent(run)}/lifecycle`
    return (await this.#call(answers.eventList, 'GET', path)).items
  }

  /** The journal of a run from its beginning, as it grows; the end is the last event. */
  async *runEvents(run: string): AsyncGenerator<RunEvent> {
    yield* followEvents((last) => this.#open(`/runs/${encodeURIComponent(run)}/events`, last))
  }

  /**
   * The lifecycle of all runs of the project as CloudEvents, as they come, where the Project wants
   * them told. `after` is the place of the last one that one has; absent: from now on.
   */
  async *lifecycleEvents(
    filter: {
      /** `NAMESPACE.NAME`, or with `:VERSION`. */
      readonly workflow?: string
      /** `NAME=VALUE` */
      readonly label?: string
      /** What types begin with, separated by commas. */
      readonly type?: string
      readonly after?: number
    } = {},
  ): AsyncGenerator<{ readonly place: number; readonly event: Json }> {
    const query = { ...this.#inProject(undefined), ...textsOf(filter), watch: 'true' }
    const open = (last: string | null) => this.#open('/lifecycle', last, query)
    for await (const { id, event, data } of followEvents(open)) {
      if (event === 'lifecycle') yield { place: Number(id), event: JSON.parse(data) }
    }
  }

  /** A stream of events after the one with this id. */
  async #open(
    path: string,
    last: string | null,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const headers = last === null ? {} : { 'last-event-id': last }
    const answer = await this.#send('GET', path, { headers, query })
    if (answer.ok) return answer
    throw refusalOf(answer.status, await jsonOf(answer))
  }

  /** What starts runs by itself, when it will, and what policy refuses. */
  async schedules() {
    const query = this.#inProject(undefined)
    return (await this.#call(answers.scheduleList, 'GET', '/schedules', { query })).items
  }

  /** Takes runs that have not ended to another version, where the documents agree up to there. */
  async upgradeRuns(
    workflow: string,
    request: {
      readonly to: string
      readonly from?: string
      readonly dryRun?: boolean
      readonly after?: string
    },
  ) {
    const path = `/workflows/${encodeURIComponent(workflow)}/upgrade`
    const query = this.#inProject(undefined)
    return await this.#call(answers.upgrade, 'POST', path, { query, body: request })
  }

  /** What waits for a person. */
  async tasks() {
    const query = this.#inProject(undefined)
    return (await this.#call(answers.taskList, 'GET', '/tasks', { query })).items
  }

  /** `signed`: the statement over the answer, where the task or the person wants it. */
  async answerTask(
    run: string,
    key: string,
    answer: unknown,
    signed?: { readonly statement: string; readonly signature: string },
  ) {
    const path = `/runs/${encodeURIComponent(run)}/answer`
    return await this.#call(answers.answeredTask, 'POST', path, {
      body: { key, answer, ...(signed === undefined ? {} : { signed }) },
    })
  }

  /** Hands a CloudEvent to the runs that wait for it. */
  async sendEvent(event: Readonly<Record<string, unknown>>) {
    const query = this.#inProject(undefined)
    return await this.#call(answers.heardEvent, 'POST', '/events', { query, body: event })
  }

  #inProject(project: string | undefined): Record<string, string> {
    const named = project ?? this.#options.project
    return named === undefined ? {} : { project: named }
  }

  async #call<Answer>(
    schema: z.ZodType<Answer>,
    method: string,
    path: string,
    options: { readonly query?: Record<string, string>; readonly body?: unknown } = {},
  ): Promise<Answer> {
    const { body, query } = options
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const { onSilence } = this.#options
    const timer = onSilence && setTimeout(() => onSilence(silenceMs), silenceMs)
    const answer = await this.#send(method, path, {
      ...(query === undefined ? {} : { query }),
      ...(bytes === undefined ? {} : { bytes, headers: { 'content-type': 'application/json' } }),
    }).finally(() => clearTimeout(timer))
    const value = await jsonOf(answer).catch((cause: unknown) => {
      const hint = 'it may have been done; look, and ask again'
      const message = `the answer of ${this.#options.url} to ${method} ${path} broke off: ${hint}`
      throw new Failure('sdk/unreachable', message, { cause })
    })
    if (!answer.ok) throw refusalOf(answer.status, value)
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    const where = issue?.path.join('.') ?? ''
    const message = `the answer to ${method} ${path} is not of this client's version (${where})`
    throw new Failure('sdk/refused', message, { status: answer.status })
  }

  async #send(
    method: string,
    path: string,
    options: {
      readonly query?: Record<string, string>
      readonly bytes?: Buffer
      readonly headers?: Record<string, string>
    },
  ): Promise<Response> {
    const { url, key } = this.#options
    const query = new URLSearchParams(options.query ?? {}).toString()
    try {
      return await fetch(`${url}/api/v1${path}${query === '' ? '' : `?${query}`}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...options.headers },
        ...(options.bytes === undefined ? {} : { body: new Uint8Array(options.bytes) }),
      })
    } catch (cause) {
      const hint = 'is it up (tutti up), and is the URL right (--url or TUTTI_URL)?'
      throw new Failure('sdk/unreachable', `no control plane answers at ${url}: ${hint}`, { cause })
    }
  }
}

function dryRunOf(options: { readonly dryRun?: boolean }): Record<string, string> {
  return options.dryRun === true ? { dryRun: 'true' } : {}
}

function textsOf(filter: object): Record<string, string> {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}
