// Blob share
//
// Gives files to neighbours: to who shows a grant of the control plane for this very file from this very node,
// and proves to be the one it names; so many at once, and so many bytes a second, that inference has the rest.
//
// Invariants:
//   P1. Nothing is given without a grant that is signed, has not expired, names this node and this file, and a
//       proof over it and the range by the key that the grant names.
//   P2. Nothing is given that this node has not checked itself.
//   P3. Receivers, bytes a second and the time for one answer are bounded.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type PeerClaims, peerClaims, peerProofText, uploadsMax } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import { messageOf } from '../failure.ts'
import type { BlobCache, OfferedFile } from './blob-cache.ts'

export interface BlobShareOptions {
  readonly node: string
  /** did:key whose grants count. */
  readonly controlPlane: string
  readonly blobs: Pick<BlobCache, 'open'>
  readonly nowMs: () => number
  /** Bytes a second for all receivers together. */
  readonly bytesPerSecond: number
  /** Told why an answer ended before its end. */
  readonly onBroken: (reason: string) => void
}

export const peerBlobsPath = '/peer/v1/blobs/'
/** Half of a gigabit line: inference has the other half. */
export const shareBytesPerSecondDefault = 64_000_000
// Orders that lapsed may still be carried out: beyond what is ordered there is room for as many again.
const answersMax = 2 * uploadsMax
const rangeBytesMax = 2 ** 30 // eight of the greatest pieces, and their beginning
const chunkBytes = 262_144
const answerMsMin = 30_000
const bytesPerMsMin = 32 // a receiver slower than that is not one

export class BlobShare {
  readonly #options: BlobShareOptions
  /** Answers under way; `answer` writes. */
  #answers = 0
  /** When the next bytes may leave; `#pace` writes. */
  #nextMs = 0

  constructor(options: BlobShareOptions) {
    this.#options = options
  }

  /** Answers `GET /peer/v1/blobs/DIGEST`; never throws. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') return refuse(response, 405, 'method not allowed, use GET')
    const range = parseRange(request.headers.range)
    const claims = this.#claimsOf(request)
    if (claims === null) return refuse(response, 401, 'the grant or its proof is missing or wrong')
    if (range === null) return refuse(response, 400, 'expected Range: bytes=FIRST-LAST')
    if (this.#answers >= answersMax) {
      return refuse(response, 503, 'busy', { 'retry-after': '1' }) // P3
    }
    this.#answers += 1
    try {
      const offered = await this.#options.blobs.open(claims.digest)
      if (offered === null) return refuse(response, 404, 'not here')
      await this.#send(response, offered, { ...range, digest: claims.digest })
    } catch (thrown) {
      response.destroy() // the receiver is gone, or the disk is: it asks somebody else
      this.#options.onBroken(messageOf(thrown))
    } finally {
      this.#answers -= 1
    }
  }

  async #send(
    response: ServerResponse,
    { file, bytes }: OfferedFile,
    of: { readonly start: number; readonly end: number; readonly digest: string },
  ): Promise<void> {
    const { start, end, digest } = of
    try {
      if (end > bytes) return refuse(response, 416, `there are ${bytes} bytes of it here`) // P2
      response.writeHead(206, {
        'content-type': 'application/octet-stream',
        'content-length': end - start,
        'content-range': `bytes ${start}-${end - 1}/*`,
        etag: `"${digest}"`,
      })
      const limitMs = answerMsMin + Math.ceil((end - start) / bytesPerMsMin)
      const signal = AbortSignal.timeout(limitMs) // P3
      await pipeline(Readable.from(this.#chunks(file, start, end)), response, { signal })
    } finally {
      await file.close()
    }
  }

  async *#chunks(file: OfferedFile['file'], start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const { buffer, bytesRead } = await file.read({
        ...{ buffer: Buffer.allocUnsafe(Math.min(chunkBytes, end - at)), position: at },
      })
      if (bytesRead === 0) throw new Error('the file is shorter than it was')
      await this.#pace(bytesRead)
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  /** Waits until so many bytes may leave. */
  async #pace(bytes: number): Promise<void> {
    const nowMs = performance.now()
    const atMs = Math.max(nowMs, this.#nextMs)
    this.#nextMs = atMs + (bytes / this.#options.bytesPerSecond) * 1_000
    if (atMs > nowMs) await new Promise((resolve) => setTimeout(resolve, atMs - nowMs))
  }

  /** The grant's claims where everything about it is right (P1). */
  #claimsOf({ headers, url }: IncomingMessage): PeerClaims | null {
    const grant = /^Tutti-Peer ([\w-]+\.[\w-]+)$/.exec(headers.authorization ?? '')?.[1]
    const proof = headers['x-tutti-proof']
    if (grant === undefined || typeof proof !== 'string') return null
    const [claimsPart = '', signaturePart = ''] = grant.split('.', 2)
    const text = Buffer.from(claimsPart, 'base64url').toString('utf8')
    const claims = parseClaims(text)
    if (claims === null || url !== `${peerBlobsPath}${claims.digest}`) return null
    const { node, controlPlane, nowMs } = this.#options
    if (claims.from !== node || claims.expiresAtMs <= nowMs()) return null
    const signature = Buffer.from(signaturePart, 'base64url').toString('base64')
    if (!verifyText(controlPlane, signingPrefix.peer, { text, signature })) return null
    const proven = { text: peerProofText(grant, headers.range ?? ''), signature: proof }
    return verifyText(claims.key, signingPrefix.peerProof, proven) ? claims : null
  }
}

function parseClaims(text: string): PeerClaims | null {
  try {
    const parsed = peerClaims.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null // not JSON: nothing that we ever issue
  }
}

function parseRange(header: string | undefined): { start: number; end: number } | null {
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header ?? '')
  if (match === null) return null
  const [start, end] = [Number(match[1]), Number(match[2]) + 1]
  return start < end && end - start <= rangeBytesMax ? { start, end } : null
}

function refuse(
  response: ServerResponse,
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ error })
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body)
}
