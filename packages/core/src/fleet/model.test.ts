import { describe, expect, test } from 'vitest'
import { checkSignedFiles, modelFile, modelSpec, pickVariant } from './model.ts'

const digest = (c: string) => `sha256:${c.repeat(64)}`
const file = (path: string, c: string) => ({ path, digest: digest(c), sizeBytes: 1 })
const variant = (name: string, more: object = {}) => ({
  ...{ name, format: 'onnx', precision: 'fp32', files: [file(`${name}.onnx`, 'a')] },
  ...{ inputs: [], outputs: [], ...more },
})
const model = modelSpec.parse({
  ...{ model: 'parts', version: 'v1', task: 'test' },
  variants: [
    variant('big', { requires: { memoryBytes: 8_000 } }),
    variant('gpu', { requires: { nodeLabels: { gpu: 'yes' } } }),
    variant('small', { precision: 'int8' }),
  ],
})
const node = { formats: ['onnx'] as const, memoryBytes: 4_000, labels: {} }

describe('variant', () => {
  test('the first that fits is taken: the publisher lists the best first', () => {
    const pick = (change: object) => {
      const picked = pickVariant(model.variants, { ...node, ...change })
      return picked.ok ? picked.variant.name : picked.reason
    }
    expect(pick({})).toBe('small')
    expect(pick({ memoryBytes: 8_000 })).toBe('big')
    expect(pick({ labels: { gpu: 'yes' } })).toBe('gpu')
    expect(pick({ labels: { gpu: 'no' } })).toBe('small')
  })

  test('where none fits, it says of each why', () => {
    const picked = pickVariant(model.variants.slice(0, 2), node)
    expect(picked).toEqual({
      ok: false,
      reason:
        'no variant fits this node: big needs 8000 bytes of memory, the node gives 4000; ' +
        'gpu needs the label gpu=yes',
    })
    expect(pickVariant(model.variants, { ...node, formats: ['gguf'] }).ok).toBe(false)
  })
})

describe('signed files', () => {
  const signed = model.variants.flatMap(({ files }) => files)

  test('every file of every variant must be there, with its digest', () => {
    expect(checkSignedFiles(model, signed)).toBeNull()
    expect(checkSignedFiles(model, [...signed, file('readme.md', 'f')])).toBeNull()
    expect(checkSignedFiles(model, signed.slice(1))).toContain('big.onnx is not covered')
    const other = signed.map((one) => ({ ...one, digest: digest('b') }))
    expect(checkSignedFiles(model, other)).toContain('the publisher signed')
    expect(checkSignedFiles(model, [])).not.toBeNull()
  })

  test('a path listed twice counts by its last digest, so a second entry hides no other file', () => {
    const twice = [...signed, file('big.onnx', 'b')]
    expect(checkSignedFiles(model, twice)).toContain('the publisher signed')
  })
})

test.each(['/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a/.', 'a\\b', '', 'a/', '..'])(
  'the path %j leads out of a model, or nowhere: refused',
  (path) => expect(modelFile.safeParse(file(path, 'a')).success).toBe(false),
)
