import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { backUp, restore } from './back-up.ts'
import { openDatabase } from './store/index.ts'
import { folder as dataFolder, usePlane } from './test-plane.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-back-up-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
usePlane()

async function nextSnapshotNumber(of: string): Promise<number> {
  const database = await openDatabase({ url: undefined, dataFolder: of })
  try {
    const [row] = await database.sql<{ number: string }[]>`
      select nextval('snapshot_number') as number`
    return Number(row?.number)
  } finally {
    await database.stop()
  }
}

test('a restored control plane numbers snapshots beyond those that the lost one sent after the backup', async () => {
  const backup = join(folder, 'backup')
  const restored = join(folder, 'restored')
  await backUp({ dataFolder, privates: {}, version: 'test' }, backup)
  const sentLater = await nextSnapshotNumber(dataFolder)
  await restore({ dataFolder: restored, privates: {} }, backup)
  expect(await nextSnapshotNumber(restored)).toBeGreaterThan(sentLater)
})
