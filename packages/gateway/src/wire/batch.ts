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
//   W11. A batch lasts a bounded time: Node lets in one new connection after each (docs/decisions/0039). Who is left
//        keeps his place.

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
// Twice what 32 short ones take; what they have set off takes about twice as long again.
const turnsMsMax = 2
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
    for (let place = 0; place < writes.length; ) place = sendRun(writes, place)
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    this.#isArmed = false
    const members = this.#members.splice(0, membersMax)
    const [only] = members
    if (members.length === 1 && only !== undefined) return only.turn() // W9
    this.#isRunning = true
    // W7: when all that the turns have set off has settled, and before anything else is read.
    queueMicrotask(() => process.nextTick(() => this.#end()))
    const untilMs = performance.now() + turnsMsMax
    let worked = 0
    for (const member of members) {
      member.turn()
      worked += 1
      if (performance.now() > untilMs) break // W11
    }
    if (worked < members.length) this.#members.unshift(...members.slice(worked))
    if (this.#members.length > 0) this.#arm()
  }

  #end(): void {
    this.#isRunning = false
    this.flush()
  }
}

/** What goes to one socket in a row, in one call of the kernel; where the next one begins. */
function sendRun(writes: readonly Write[], from: number): number {
  const first = writes[from]
  if (first === undefined) return writes.length
  const { socket, head, body } = first
  if (body === null && writes[from + 1]?.socket !== socket) {
    socket.write(head, 'latin1')
    return from + 1
  }
  socket.cork()
  let place = from
  for (let write = writes[place]; write?.socket === socket; write = writes[place]) {
    socket.write(write.head, 'latin1')
    if (write.body !== null) socket.write(write.body)
    place += 1
  }
  socket.uncork()
  return place
}
