// Batch
//
// What came on many connections is worked on in one go, and what is to be sent goes out after it: reading, deciding
// and writing in turn for each request costs twice the CPU, as every call of the kernel leaves the processor's caches
// and predictors cold (docs/decisions/0013).
//
// Invariants:
//   W6. What is written to a socket goes out in the order in which it was written.
//   W7. Nothing waits for anybody who may not come: a batch is what is there, and its writes follow at once.
//   W9. Of a member that is alone in its batch each write goes out as it is written: what is noted of an answer keeps
//       nobody waiting.

import type { Socket } from 'node:net'

export interface Member {
  /** Works on all that has come for it. */
  readonly turn: () => void
}

interface Write {
  readonly socket: Socket
  readonly head: Buffer | string
  readonly body: Buffer | null
}

// At some 50 µs each: as long as the first of them waits for its answer to go out.
const membersMax = 32
const waitingBytesMax = 64 * 2 ** 10 // copies that wait to go out; more go at once

export class Batch {
  /** Those for whom something came; written by `add` and `#run`. */
  #members: Member[] = []
  #writes: Write[] = []
  #waitingBytes = 0
  #isArmed = false
  /** True from the first member's turn until the writes have gone out. */
  #isRunning = false

  add(member: Member): void {
    this.#members.push(member)
    this.#arm()
  }

  /** False where the socket has more to send than it takes: then wait for its `drain`. */
  write(socket: Socket, head: Buffer | string, body: Buffer | null = null): boolean {
    this.#writes.push({ socket, head, body })
    this.#waitingBytes += head.length + (body?.length ?? 0)
    if (!this.#isRunning || this.#waitingBytes > waitingBytesMax) this.flush()
    return !socket.writableNeedDrain
  }

  /** For who does something to a socket that must follow what was written to it (W6). */
  flush(): void {
    const writes = this.#writes
    this.#writes = []
    this.#waitingBytes = 0
    for (const { socket, head, body } of writes) send(socket, head, body)
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    this.#isArmed = false
    const members = this.#members.splice(0, membersMax)
    if (this.#members.length > 0) this.#arm()
    const [only] = members
    if (members.length === 1 && only !== undefined) return only.turn() // W9
    this.#isRunning = true
    // W7: when all that the turns have set off has settled, and before anything else is read.
    queueMicrotask(() => process.nextTick(() => this.#end()))
    for (const member of members) member.turn()
  }

  #end(): void {
    this.#isRunning = false
    this.flush()
  }
}

function send(socket: Socket, head: Buffer | string, body: Buffer | null): void {
  if (body === null) {
    socket.write(head, 'latin1')
    return
  }
  socket.cork()
  socket.write(head, 'latin1')
  socket.write(body)
  socket.uncork()
}
