// Tool servers
//
// The servers of tools that the snapshot names: each with its session, which outlives snapshots that do not change it,
// and no others.

import { allowsTool, toolName } from '@tutti/core/routing'
import { messageOf } from '../failure.ts'
import type { Directory, KeyEntry, ToolServerEntry } from '../routing/index.ts'
import { RunningCalls } from './running-calls.ts'
import { loadSdk, type Sdk } from './sdk.ts'
import { type Tool, ToolServer } from './tool-server.ts'

export interface ListedTools {
  readonly tools: readonly { readonly server: ToolServer; readonly tool: Tool }[]
  /** Servers that did not tell theirs, and why. */
  readonly missing: readonly { readonly server: string; readonly why: string }[]
}

export class ToolServers {
  /** For those who take a call back. */
  readonly calls = new RunningCalls()
  readonly #nowMs: () => number
  #sdk: Promise<Sdk> | null = null
  /** Of the newest snapshot; null before the first. Written by `keepTo`. */
  #newest: Directory['toolServers'] | null = null
  /** By project and name; written by `#of` and `keepTo`. */
  readonly #servers = new Map<string, ToolServer>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Loaded with the first caller who wants tools. */
  sdk(): Promise<Sdk> {
    this.#sdk ??= loadSdk()
    return this.#sdk
  }

  /** The tools that a key may call: a server that is dead hides none of the others. */
  async list(directory: Directory, key: KeyEntry): Promise<ListedTools> {
    const servers = await this.#allowed(directory, key)
    const all = await Promise.allSettled(servers.map((server) => server.tools()))
    const tools: ListedTools['tools'][number][] = []
    const missing: ListedTools['missing'][number][] = []
    for (const [i, told] of all.entries()) {
      const server = servers[i]
      if (server === undefined) continue
      const { name } = server.entry
      if (told.status === 'rejected') missing.push({ server: name, why: messageOf(told.reason) })
      else for (const tool of told.value) tools.push({ server, tool })
    }
    const mayCall = ({ server, tool }: (typeof tools)[number]) =>
      isAllowed(directory, key, toolName(server.entry.name, tool.name))
    return { tools: tools.filter(mayCall), missing }
  }

  /** The server of a tool that the key may call; null where there is none. */
  async find(
    directory: Directory,
    key: KeyEntry,
    of: { readonly server: string; readonly tool: string },
  ): Promise<ToolServer | null> {
    if (!isAllowed(directory, key, toolName(of.server, of.tool))) return null
    const servers = await this.#allowed(directory, key)
    return servers.find(({ entry }) => entry.name === of.server) ?? null
  }

  /**
   * A new snapshot: ends the sessions of servers that are no more, or are others. Else they would
   * go on with an address and a secret of before until somebody asks for tools of their project.
   */
  keepTo({ toolServers }: Pick<Directory, 'toolServers'>): void {
    this.#newest = toolServers
    for (const [id, server] of this.#servers) {
      if (this.#isCurrent(server.entry)) continue
      void server.close()
      this.#servers.delete(id)
    }
  }

  async stop(): Promise<void> {
    const servers = [...this.#servers.values()]
    this.#servers.clear()
    await Promise.all(servers.map((server) => server.close()))
  }

  async #allowed(directory: Directory, key: KeyEntry): Promise<ToolServer[]> {
    const sdk = await this.sdk()
    return directory
      .toolServers(key.project)
      .filter(({ name }) => key.servers === undefined || key.servers.includes(name))
      .map((entry) => this.#of(entry, sdk))
  }

  #of(entry: ToolServerEntry, sdk: Sdk): ToolServer {
    const id = `${entry.project}/${entry.name}`
    const known = this.#servers.get(id)
    if (known !== undefined && isSame(known.entry, entry)) return known
    const made = new ToolServer(entry, { sdk, nowMs: this.#nowMs })
    if (this.#isCurrent(entry)) this.#servers.set(id, made)
    else void made.close() // of a request that began before a snapshot, the last that needs it
    return made
  }

  #isCurrent(entry: ToolServerEntry): boolean {
    if (this.#newest === null) return true
    const newest = this.#newest(entry.project).find(({ name }) => name === entry.name)
    return newest !== undefined && isSame(newest, entry)
  }
}

/** By what the key may call, and by what the server's Provider shows. */
function isAllowed(directory: Directory, key: KeyEntry, name: string): boolean {
  const entry = directory
    .toolServers(key.project)
    .find((one) => name.startsWith(toolName(one.name, '')))
  if (entry === undefined) return false
  const isShown = allowsTool(entry.tools, name.slice(toolName(entry.name, '').length))
  return isShown && allowsTool(key.tools, name)
}

function isSame(one: ToolServerEntry, other: ToolServerEntry): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
