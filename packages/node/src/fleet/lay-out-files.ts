// Lay out files
//
// A model's files under their own names, so that one can refer to another. Two deployments of one release
// lay out the same files at the same time: each link appears whole, or is replaced by one that is the same.

import { randomUUID } from 'node:crypto'
import { rename, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { placeFolder } from '@tutti/machine'

/** Links every file into `folder` under its path. */
export async function layOutFiles(
  folder: string,
  files: readonly { readonly path: string; readonly at: string }[],
): Promise<void> {
  for (const { path, at } of files) {
    const target = join(folder, path)
    await placeFolder(dirname(target))
    const fresh = `${target}.${randomUUID()}`
    await symlink(resolve(at), fresh)
    await rename(fresh, target)
  }
}
