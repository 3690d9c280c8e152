import { expect, test } from 'vitest'
import { isComplete, keepUnseen } from './keep-unseen.ts'
import { type Snapshot, snapshot } from './snapshot.ts'

const release = `sha256:${'a'.repeat(64)}`
const at = (node: string) => ({ node, url: `http://${node}.example`, region: '', release })

function snapshotOf(
  deployments: Record<string, { nodes: readonly string[]; unseen?: readonly string[] }>,
): Snapshot {
  return snapshot.parse({
    ...{ format: 'tutti/snapshot/v1', sequence: 1, issuedAtMs: 0, servingToken: 't' },
    ...{ keys: [], routes: [], providers: [] },
    deployments: Object.entries(deployments).map(([name, { nodes, unseen }]) => ({
      ...{ name, project: 'default', serves: name, endpoints: nodes.map(at) },
      ...(unseen === undefined ? {} : { unseen }),
    })),
  })
}

const nodesOf = (of: Snapshot) =>
  Object.fromEntries(
    of.deployments.map(({ name, endpoints }) => [name, endpoints.map(({ node }) => node)]),
  )

const held = snapshotOf({ parts: { nodes: ['n1', 'n2', 'n3'] }, gone: { nodes: ['n1'] } })

test('endpoints of nodes that nobody has seen yet stay; those that were seen are as they are now', () => {
  const next = snapshotOf({ parts: { nodes: ['n1'], unseen: ['n2', 'n9'] }, fresh: { nodes: [] } })
  expect(isComplete(next)).toBe(false)
  // n3 was seen, and serves no more; n9 served nothing before; `gone` is gone.
  expect(nodesOf(keepUnseen(next, held))).toEqual({ parts: ['n1', 'n2'], fresh: [] })
})

test('a node that is there already is not there twice', () => {
  const next = snapshotOf({ parts: { nodes: ['n1'], unseen: ['n1', 'n2'] } })
  expect(nodesOf(keepUnseen(next, held))).toEqual({ parts: ['n1', 'n2'] })
})

test('a complete snapshot, or the first one, stands for itself', () => {
  const complete = snapshotOf({ parts: { nodes: ['n1'] } })
  expect(isComplete(complete)).toBe(true)
  expect(keepUnseen(complete, held)).toBe(complete)
  const first = snapshotOf({ parts: { nodes: [], unseen: ['n1'] } })
  expect(keepUnseen(first, null)).toBe(first)
})

test('what another Project calls the same keeps its own endpoints', () => {
  const ofProject = (of: Snapshot, project: string): Snapshot => ({
    ...of,
    deployments: of.deployments.map((deployment) => ({ ...deployment, project })),
  })
  const next = snapshotOf({ parts: { nodes: [], unseen: ['n2'] } })
  expect(nodesOf(keepUnseen(ofProject(next, 'other'), held))).toEqual({ parts: [] })
})
