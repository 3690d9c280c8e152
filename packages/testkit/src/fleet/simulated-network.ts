// Simulated network
//
// Connections between nodes and the control plane: frames arrive in order on one connection and in any
// order across connections; a partition swallows frames without a word and leaves both ends open
// (half-open), a cut closes them.

import type { Link } from '@tutti/control-plane/simulation'
import type { Dial, WireEvents } from '@tutti/node/simulation'
import type { Chance } from './chance.ts'
import type { VirtualTime } from './virtual-time.ts'

/** One side of a connection. */
interface End {
  isOpen: boolean
  /** When the last frame arrives here: later ones come after it. */
  lastMs: number
  readonly isAlive: () => boolean
  readonly onFrame: (frame: string) => void
  readonly onClose: () => void
}

interface Connection {
  readonly node: string
  readonly nodeEnd: End
  /** Written once, when the control plane accepts. */
  planeEnd: End | null
}

export class SimulatedNetwork {
  readonly #time: VirtualTime
  readonly #chance: Chance
  /** Takes new connections; null while no control plane listens. */
  #listener: { accept: (link: Link) => void; isAlive: () => boolean } | null = null
  readonly #connections = new Set<Connection>()
  readonly #partitioned = new Set<string>()
  /** What was said to each node, newest last: somebody may say it again. */
  readonly #heard = new Map<string, string[]>()
  /** When each node was last seen to lose its way to the control plane. */
  readonly lostMs = new Map<string, number>()
  /** Greatest one-way delay; the world writes. */
  delayMsMax = 40

  constructor(time: VirtualTime, chance: Chance) {
    this.#time = time
    this.#chance = chance
  }

  listen(accept: (link: Link) => void, isAlive: () => boolean): void {
    this.#listener = { accept, isAlive }
  }

  /** The process is gone: the kernel closes what it had. */
  planeDied(): void {
    this.#listener = null
    for (const one of [...this.#connections]) {
      if (one.planeEnd === null) this.#shut(one, 'nodeEnd')
      else this.#shut(one, 'planeEnd')
    }
  }

  /** The node's process is gone, or somebody pulled its connections down. */
  cut(node: string): void {
    if (!this.#partitioned.has(node)) this.lostMs.set(node, this.#time.nowMs)
    for (const one of this.#of(node)) this.#shut(one, 'nodeEnd')
  }

  /** From now on frames of this node vanish, both ways, and nobody is told. */
  partition(node: string): void {
    if (!this.#partitioned.has(node)) this.lostMs.set(node, this.#time.nowMs)
    this.#partitioned.add(node)
  }

  heal(node: string): void {
    this.#partitioned.delete(node)
    this.cut(node) // frames were lost inside these connections: they are given up
  }

  isPartitioned(node: string): boolean {
    return this.#partitioned.has(node)
  }

  /** Says a frame to a node as if it came from the control plane. */
  inject(node: string, frame: string): void {
    const connection = this.#of(node).find(({ nodeEnd }) => nodeEnd.isOpen)
    if (connection) this.#deliver(node, connection.nodeEnd, frame)
  }

  heardBy(node: string): readonly string[] {
    return this.#heard.get(node) ?? []
  }

  dialFor(node: string, isAlive: () => boolean): Dial {
    return (_, events) => {
      const nodeEnd = endOf(isAlive, events.onFrame, () => events.onClose('it was closed'))
      const connection: Connection = { node, nodeEnd, planeEnd: null }
      this.#connections.add(connection)
      this.#time.schedule(this.#delay(), () => this.#arrive(connection))
      return {
        send: (frame) => {
          if (nodeEnd.isOpen) this.#deliver(node, connection.planeEnd, frame)
        },
        ping: () => this.#ping(connection, events),
        terminate: () => this.#shut(connection, 'nodeEnd'),
      }
    }
  }

  #arrive(connection: Connection): void {
    const { node, nodeEnd } = connection
    if (!nodeEnd.isOpen) return
    if (this.#listener === null) return this.#shut(connection, 'nodeEnd')
    if (this.#partitioned.has(node)) {
      this.#time.schedule(15_000, () => this.#shut(connection, 'nodeEnd')) // the dial times out
      return
    }
    let take: ((frame: string) => void) | null = null
    const closes: (() => void)[] = []
    const end = endOf(
      this.#listener.isAlive,
      (frame) => {
        take?.(frame)
      },
      () => {
        for (const listener of closes) listener()
      },
    )
    connection.planeEnd = end
    const said = this.#heard.get(node) ?? []
    this.#heard.set(node, said)
    this.#listener.accept({
      isOpen: () => end.isOpen,
      bufferedBytes: () => 0,
      send: (frame) => {
        const text = String(frame)
        said.push(text)
        if (end.isOpen) this.#deliver(node, nodeEnd, text)
      },
      close: () => {
        this.#time.schedule(2 * this.delayMsMax, () => this.#shut(connection, 'planeEnd'))
      },
      terminate: () => this.#shut(connection, 'planeEnd'),
      onFrame: (listener) => {
        take = listener
      },
      onClose: (listener) => closes.push(listener),
    })
  }

  #ping({ node, nodeEnd, planeEnd }: Connection, events: WireEvents): void {
    if (!nodeEnd.isOpen || planeEnd?.isOpen !== true || this.#partitioned.has(node)) return
    this.#time.schedule(2 * this.#delay(), () => {
      if (nodeEnd.isOpen && nodeEnd.isAlive()) events.onLife()
    })
  }

  #deliver(node: string, to: End | null, frame: string): void {
    if (to === null || this.#partitioned.has(node)) return
    to.lastMs = Math.max(to.lastMs, this.#time.nowMs + this.#delay())
    this.#time.schedule(to.lastMs - this.#time.nowMs, () => {
      const isThere = to.isOpen && to.isAlive() && !this.#partitioned.has(node)
      if (isThere) to.onFrame(frame)
    })
  }

  /** One side ends a connection; the other learns of it unless the network is parted. */
  #shut(connection: Connection, side: 'nodeEnd' | 'planeEnd'): void {
    const other = side === 'nodeEnd' ? connection.planeEnd : connection.nodeEnd
    this.#closeEnd(connection[side])
    if (this.#partitioned.has(connection.node)) return
    this.#connections.delete(connection)
    this.#time.schedule(this.#delay(), () => this.#closeEnd(other))
  }

  #closeEnd(end: End | null): void {
    if (end === null || !end.isOpen) return
    end.isOpen = false
    this.#time.schedule(0, () => {
      if (end.isAlive()) end.onClose()
    })
  }

  #of(node: string): Connection[] {
    return [...this.#connections].filter((one) => one.node === node)
  }

  #delay(): number {
    return 1 + this.#chance.next() * this.delayMsMax
  }
}

function endOf(isAlive: () => boolean, onFrame: (frame: string) => void, onClose: () => void): End {
  return { isOpen: true, lastMs: 0, isAlive, onFrame, onClose }
}
