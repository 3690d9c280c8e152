// Give workflow key
//
// The steps of workflows ask the gateway with a key of their own, which the first start makes. A home that was begun before
// there was one gets it here, declared like any other key: policies judge it, and the log tells of it.

import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@tutti/sdk'
import { z } from 'zod'
import { writePrivate } from './home.ts'

const credentials = z.looseObject({ admin: z.string(), workflow: z.string().optional() })
const name = 'workflow'

/**
 * Gives a home that has credentials those for workflows; false where it can have none: policy keeps
 * it from one, or there is a Key of that name, which is somebody else's.
 */
export async function giveWorkflowKey(home: string, url: string): Promise<boolean> {
  const path = join(home, 'credentials.json')
  if (!existsSync(path)) return true // a database that another home has begun
  const held = credentials.parse(JSON.parse(readFileSync(path, 'utf8')))
  if (held.workflow !== undefined) return true
  const workflow = `tutti_${name}_${randomBytes(32).toString('base64url')}`
  const hash = `sha256:${createHash('sha256').update(workflow).digest('hex')}`
  const spec = { owner: name, roles: ['caller'], hash }
  const document = { apiVersion: 'tutti/v1', kind: 'Key', metadata: { name }, spec }
  const client = new Client({ url, key: held.admin })
  const keys = await client.list('keys', { project: 'default' })
  if (keys.some(({ metadata }) => metadata.name === name)) return false
  const { outcome } = await client.apply({ kind: 'keys', name }, document)
  if (outcome !== 'committed') return false
  writePrivate(path, `${JSON.stringify({ ...held, workflow }, null, 2)}\n`)
  return true
}
