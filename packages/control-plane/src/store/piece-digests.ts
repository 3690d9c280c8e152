// Piece digests
//
// SHA-256 of every piece of a blob, computed when somebody first asks and remembered: a node that has these
// knows at once which of its sources gave it wrong bytes.

import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { type PieceList, pieceBytesOf } from '@tutti/core/fleet'
import type { Blobs } from './blobs.ts'

export type PieceDigests = (digest: string) => Promise<PieceList | null>

const listsMax = 64 // of some hundred KB at most

/** The list, or null where there is no such blob. */
export function openPieceDigests(blobs: Pick<Blobs, 'size' | 'path'>): PieceDigests {
  const lists = new Map<string, Promise<PieceList>>() // the least recently asked first
  return async (digest) => {
    const sizeBytes = await blobs.size(digest)
    if (sizeBytes === null) return null
    const list = lists.get(digest) ?? listPieces(blobs.path(digest), sizeBytes)
    lists.delete(digest)
    lists.set(digest, list)
    list.catch(() => lists.delete(digest))
    for (const [oldest] of lists) {
      if (lists.size <= listsMax) break
      lists.delete(oldest)
    }
    return await list
  }
}

const chunkBytes = 1_048_576

async function listPieces(path: string, sizeBytes: number): Promise<PieceList> {
  const pieceBytes = pieceBytesOf(sizeBytes)
  const digests: string[] = []
  const file = await open(path, 'r')
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    for (let start = 0; start < sizeBytes; start += pieceBytes) {
      const hash = createHash('sha256')
      const end = Math.min(sizeBytes, start + pieceBytes)
      for (let at = start; at < end; ) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, end - at), at)
        if (bytesRead === 0) throw new Error(`${path} is shorter than ${sizeBytes} bytes`)
        hash.update(chunk.subarray(0, bytesRead))
        at += bytesRead
      }
      digests.push(`sha256:${hash.digest('hex')}`)
    }
  } finally {
    await file.close()
  }
  return { pieceBytes, sizeBytes, digests }
}
