import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  commit,
  emptyEdge,
  exportLog,
  formatCheckpoint,
  growTree,
  signerKeyFromSeed,
  signNote,
  verifyExport,
} from '@tutti/ledger'

export async function keepAndCheck(): Promise<boolean> {
  const log = signerKeyFromSeed('example.com/changes', randomBytes(32), 'note')

  // Keep: the log stores commitments; salts and bodies lie beside it and can be erased.
  const leaves = ['{"deploy":"anomaly@7"}', '{"rollback":"anomaly@6"}'].map((body) => {
    const salt = randomBytes(16)
    return { entry: commit(salt, body), salt, body }
  })
  const growth = growTree(
    emptyEdge,
    leaves.map((leaf) => leaf.entry),
  )
  const head = { origin: log.verifier.name, size: growth.edge.size, root: growth.root }
  const checkpoint = signNote(formatCheckpoint({ ...head, extensions: [] }), [log])

  // Hand over: a folder that any web server can serve.
  const folder = await mkdtemp(join(tmpdir(), 'export-'))
  await exportLog(folder, { checkpoint, keys: [log.verifier.vkey], leaves })

  // Check: offline, with nothing but the folder and the key that you got from elsewhere.
  const report = await verifyExport(folder, { vkey: log.verifier.vkey })
  for (const { file, index, detail } of report.findings) console.error(file, index, detail)
  await rm(folder, { recursive: true })
  return report.ok
}
