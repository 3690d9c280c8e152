import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { formatFinding, kindNames, kindOf, kinds } from '../resource/index.ts'
import { budgetSpec, snapshot } from '../routing/index.ts'
import { findingsOf } from './findings-of.ts'
import { parseResource } from './parse-resource.ts'

const said = (document: unknown, project?: string) => {
  const parsed = parseResource(document, project)
  return parsed.ok ? 'ok' : parsed.findings.map(formatFinding).join('\n')
}
const deployment = (more: object = {}, spec: object = {}) => ({
  ...{ apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name: 'parts' } },
  ...{ spec: { model: 'parts:v1', ...spec }, ...more },
})

const budgetOf = (limitDollars: unknown) => ({ kind: 'Budget', spec: { limitDollars } })
const keyOf = (spec: object) => ({
  ...{ kind: 'Key', spec: { owner: 'app', hash: `sha256:${'0'.repeat(64)}`, ...spec } },
})

describe('parse resource', () => {
  test('fills in defaults and the project', () => {
    const parsed = parseResource(deployment(), 'shop')
    expect(parsed).toMatchObject({ ok: true, resource: { metadata: { project: 'shop' } } })
    expect(parsed.ok && parsed.resource.spec).toMatchObject({
      environment: 'development',
      strategy: { soakMs: 30_000, canary: { perStratum: 3 }, gate: { alpha: 1e-3 } },
    })
  })

  test('a Budget that would warn after its end is refused, and one of before goes on', () => {
    const budget = (spec: object) => ({
      ...{ apiVersion: 'tutti/v1', kind: 'Budget', metadata: { name: 'team' }, spec },
    })
    const late = { limitDollars: 20, softDollars: 25 }
    expect(said(budget(late))).toBe(
      'spec.softDollars: expected at most limitDollars (20), got 25: nothing is spent there, ' +
        'so nobody would be warned: lower it, or raise limitDollars',
    )
    expect(said(budget({ ...late, softDollars: 20 }))).toBe('ok')
    expect(said(budget({ limitDollars: 0 }))).toBe('ok')
    expect(budgetSpec.parse(late)).toMatchObject(late)
    const named = { ...late, name: 'team', project: 'default' }
    expect(snapshot.shape.budgets.parse([named])).toMatchObject([named])
  })

  test('names the nearest field, at any depth, in lists too', () => {
    expect(said(deployment({}, { modle: 'x' }))).toBe(
      'spec.modle: unknown field: did you mean model?',
    )
    expect(said(deployment({}, { strategy: { gate: { alhpa: 0.1 } } }))).toBe(
      'spec.strategy.gate.alhpa: unknown field: did you mean alpha?',
    )
    expect(said(deployment({ metadata: { nmae: 'x', name: 'parts' } }))).toContain(
      'metadata.nmae: unknown field: did you mean name?',
    )
    expect(said({ ...deployment(), spce: {} })).toBe('spce: unknown field: did you mean spec?')
    const variant = { name: 'a', format: 'onnx', precision: 'fp32', inputs: [], outputs: [] }
    const file = { path: 'a', digest: `sha256:${'a'.repeat(64)}`, sizeByte: 1, sizeBytes: 1 }
    const spec = { model: 'm', version: 'v1', task: 't', variants: [{ ...variant, files: [file] }] }
    expect(said({ ...deployment(), kind: 'Model', metadata: { name: 'm:v1' }, spec })).toBe(
      'spec.variants.0.files.0.sizeByte: unknown field: did you mean sizeBytes?',
    )
  })

  test('names the nearest kind, and all of them where none is near', () => {
    expect(said(deployment({ kind: 'Deploymnet' }))).toContain('did you mean Deployment?')
    expect(said(deployment({ kind: 'deploy' }))).toContain('did you mean Deployment?')
    expect(said(deployment({ kind: 'Zebra' }))).toContain('expected one of Project, Node')
    expect(said(deployment({ kind: 7 }))).toContain('got 7')
  })

  test('says where, what was expected and what came, for wrong types', () => {
    expect(said(deployment({}, { strategy: { soakMs: 'soon' } }))).toBe(
      'spec.strategy.soakMs: expected a number, got text',
    )
    expect(said(deployment({ apiVersion: 'v1' }))).toBe('apiVersion: expected tutti/v1, got "v1"')
    expect(said(null)).toBe('expected a resource (an object), got nothing')
    expect(said([])).toBe('expected a resource (an object), got a list')
    expect(said(deployment({}, { model: 5, environment: 'prod' })).split('\n')).toHaveLength(2)
  })

  test('says what is wrong with the form that is meant, where there are several', () => {
    const route = (target: object, more: object = {}) => ({
      ...{ apiVersion: 'tutti/v1', kind: 'Route', metadata: { name: 'r' } },
      spec: { targets: [{ provider: 'p', model: 'm', ...target }], ...more },
    })
    expect(said(route({ price: { inputPerMillion: 'one' } }))).toBe(
      'spec.targets.0.price.inputPerMillion: expected a number, got text',
    )
    expect(said(route({ modle: 'm' }))).toBe(
      'spec.targets.0.modle: unknown field: did you mean model?',
    )
    expect(said(route({}, { fallback: { 'rate-limited': 'nxt-tier' } }))).toBe(
      'spec.fallback.rate-limited: expected one of next, next-tier, stop, got "nxt-tier": ' +
        'did you mean next-tier?; or expected a number, got text',
    )
  })

  test('says which words there are, and what came; of other texts nothing, they may be secret', () => {
    const provider = (spec: object) => ({
      ...{ apiVersion: 'tutti/v1', kind: 'Provider', metadata: { name: 'p' } },
      spec: { dialect: 'openai', baseUrl: 'https://api.example.com/v1', ...spec },
    })
    expect(said(provider({ dialect: 'opnai' }))).toMatch(
      /^spec.dialect: expected one of openai, .*, mcp, got "opnai": did you mean openai\?$/,
    )
    expect(said(provider({ baseUrl: 'api.example.com' }))).toBe(
      'spec.baseUrl: expected a URL, such as https://api.example.com/v1',
    )
    expect(said(provider({ secret: 'sk-Live_1' }))).not.toContain('sk-Live_1')
    const budget = { ...provider({}), kind: 'Budget', spec: { limitDollars: -1, window: 'day' } }
    expect(said(budget)).toContain('spec.limitDollars: expected at least 0, got -1')
  })

  test.each([
    [{ metadata: { name: 123 } }, 'metadata.name: expected text, got 123: put it in quotes'],
    [{ metadata: {} }, 'metadata.name: expected text, got nothing'],
    [{ metadata: { name: 'b', labels: ['a'] } }, 'metadata.labels: expected an object, got a list'],
    [{ spec: 3 }, 'spec: expected an object, got 3'],
    [{ spec: {} }, 'spec.limitDollars: expected a number, got nothing'],
    [budgetOf('5'), 'spec.limitDollars: expected a number, got text: leave the quotes out'],
    [budgetOf('sk-1'), 'spec.limitDollars: expected a number, got text'],
    [budgetOf(Infinity), 'spec.limitDollars: expected a number, got Infinity'],
    [budgetOf(2e6), 'spec.limitDollars: expected at most 1000000, got 2000000'],
    [keyOf({ owner: ['a'] }), 'spec.owner: expected text, got a list'],
    [keyOf({ roles: 'admin' }), 'spec.roles: expected a list, got text: put it in [ ]'],
    [keyOf({ roles: Array(40).fill('a') }), 'spec.roles: expected at most 32 entries, got 40'],
    [keyOf({ hash: 'sk-1' }), 'spec.hash: expected sha256: and 64 hex digits'],
  ])('says what came and what to do: %j', (more, wanted) => {
    const budget = { kind: 'Budget', spec: { limitDollars: 1 } }
    expect(said({ apiVersion: 'tutti/v1', metadata: { name: 'b' }, ...budget, ...more })).toBe(
      wanted,
    )
  })

  test('kinds of cluster scope belong to no project', () => {
    const project = { apiVersion: 'tutti/v1', kind: 'Project', metadata: { name: 'a' }, spec: {} }
    expect(parseResource(project, 'shop')).toMatchObject({
      resource: { metadata: { project: '' } },
    })
    expect(said({ ...project, metadata: { name: 'a', project: 'shop' } })).toContain(
      'belongs to no project',
    )
  })

  test('what an answer says of the project may be declared again', () => {
    const project = { apiVersion: 'tutti/v1', kind: 'Project', metadata: { name: 'a' }, spec: {} }
    expect(parseResource({ ...project, metadata: { name: 'a', project: '' } }).ok).toBe(true)
    expect(said({ ...project, metadata: { name: 'a', project: 'Shop' } })).toBe(
      'metadata.project: expected lower-case letters, digits and -, at most 63',
    )
  })

  test('text that no database can hold is refused with its place', () => {
    const at = (description: string) =>
      said({
        apiVersion: 'tutti/v1',
        kind: 'Project',
        metadata: { name: 'a' },
        spec: { description },
      })
    expect(at('a\0b')).toContain('spec.description: ')
    expect(at('\ud83d')).toContain('spec.description: ')
    expect(at('\ud83d\ude00')).toBe('ok')
    const annotations = { 'a\0': 'x' }
    expect(said(deployment({ metadata: { name: 'x', annotations } }))).toContain('NUL')
  })

  test('hostile documents are refused, never thrown over', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseResource(value).ok).toBe(false)
        expect(parseResource(deployment({ spec: value })).ok).toBeTypeOf('boolean')
        expect(parseResource(deployment({ metadata: value })).ok).toBeTypeOf('boolean')
      }),
    )
    const hostile: unknown = JSON.parse('{"__proto__": {"a": 1}, "apiVersion": "tutti/v1"}')
    expect(said(hostile)).toContain('__proto__: unknown field')
  })

  test('a finding at the root has the field alone as its path', () => {
    const schema = z.strictObject({ labels: z.string().optional() })
    const { error } = schema.safeParse({ labls: 'x' })
    expect(error && findingsOf(error, '', schema)).toEqual([
      { path: 'labls', message: 'unknown field: did you mean labels?' },
    ])
  })
})

test('every kind is found by its name, plural and short form, and no word means two', () => {
  const words = kindNames.flatMap((kind) => [kinds[kind].plural, kinds[kind].short])
  expect(new Set(words).size).toBe(words.length)
  for (const kind of kindNames) {
    const { plural, short } = kinds[kind]
    expect([kind, plural, short, kind.toUpperCase()].map(kindOf)).toEqual(Array(4).fill(kind))
  }
})
