// Snapshot provider
//
// What a Provider is to a gateway: somebody who answers as models do, or a server of tools.

import { providerDialect, providerSpec } from './provider.ts'
import type { Snapshot } from './snapshot.ts'
import { toolServerSpec } from './tool-server.ts'

type ProviderOf = Snapshot['providers'][number]
type ToolServerOf = NonNullable<Snapshot['toolServers']>[number]

export type SnapshotProvider =
  | { readonly kind: 'models'; readonly entry: ProviderOf }
  | { readonly kind: 'tools'; readonly entry: ToolServerOf }

export function snapshotProvider(
  { name, project }: { readonly name: string; readonly project: string },
  spec: unknown,
  apiKey: string | undefined,
): SnapshotProvider {
  const { dialect, baseUrl, allowPrivateNetwork, region, mcp } = providerSpec.parse(spec)
  const secret = apiKey === undefined ? {} : { apiKey }
  const about = { name, project, allowPrivateNetwork, ...secret }
  if (dialect === 'mcp') {
    const entry = { ...about, url: baseUrl, ...toolServerSpec.parse(mcp ?? {}) }
    return { kind: 'tools', entry }
  }
  const where = region === undefined ? {} : { region }
  const entry = { ...about, dialect: providerDialect.parse(dialect), baseUrl, ...where }
  return { kind: 'models', entry }
}
