// What a gateway alone is given to serve.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readGatewayFile } from './read-gateway-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Of kind, name and spec. */
function read(...resources: readonly (readonly [string, string, string])[]) {
  const path = join(folder, 'gateway.yaml')
  const documents = resources.map(
    ([kind, name, spec]) =>
      `apiVersion: tutti/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`,
  )
  writeFileSync(path, documents.join('---\n'))
  return readGatewayFile(path, 1, () => null)
}

const hash = `sha256:${'0'.repeat(64)}`
const provider = ['Provider', 'p', '{ dialect: openai, baseUrl: http://a.example/v1 }'] as const

test('whatever names what the file has not is refused, as a control plane would', () => {
  const route = '{ targets: [{ provider: q, model: m }], cache: { semantic: { route: emb } } }'
  const key = `{ owner: app, hash: '${hash}', routes: [chatt], tools: [p__x] }`
  const budget = '{ key: ap, route: mcp/tools, limitDollars: 1 }'
  const problems = [
    'Key app: spec.routes.0: there is no Route or Deployment chatt: did you mean chat?',
    'Key app: spec.tools.0: p is no server of tools',
    'Budget b: spec.key: there is no Key ap: did you mean app?',
    'Budget b: spec.route: there is no Provider tools',
    'Route chat: spec.targets.0.provider: there is no Provider q: did you mean p?',
    'Route chat: spec.cache.semantic.route: there is no Route or Deployment emb',
  ]
  expect(() =>
    read(['Key', 'app', key], ['Budget', 'b', budget], ['Route', 'chat', route], provider),
  ).toThrow(problems.join('\n'))
})

test('whatever is there is named in any order', () => {
  const { budgets, keys, providers } = read(
    ['Budget', 'b', '{ key: app, route: mcp/tools, limitDollars: 1 }'],
    ['Key', 'app', `{ owner: app, hash: '${hash}', routes: [chat], tools: [tools__x, '*'] }`],
    ['Route', 'chat', '{ targets: [{ provider: p, model: m }] }'],
    ['Provider', 'tools', '{ dialect: mcp, baseUrl: http://a.example/mcp }'],
    provider,
  )
  expect([...budgets, ...providers].map(({ name }) => name)).toEqual(['b', 'p'])
  expect(keys[0]).toMatchObject({ id: 'app', routes: ['chat'] })
})
